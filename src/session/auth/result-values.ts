/** Rounds of a key derivation that a result of an authenticator may name. */
export const MAX_ITERATIONS = 10_000_000;

const HEX_KEY = /^[0-9a-f]{64}$/i;

/** 32 bytes as hexadecimal digits. */
export function isHexKey(value: unknown): value is string {
  return typeof value === 'string' && HEX_KEY.test(value);
}

export function isBoundedText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= maxLength;
}

export function isCountUpTo(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most;
}
