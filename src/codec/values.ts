import { FloatOnWire } from '../wamp/float-on-wire.js';

export type OpenDict = Record<string, unknown>;

/** How deep router-made values may nest; what clients send is held to CodecLimits. */
export const MAX_WRITE_DEPTH = 1024;

/** Adds an entry, or replaces it (SER-4), as the dict's own whatever the key: `__proto__` must not reach the setter. */
export function putEntry(dict: OpenDict, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(dict, key, { value, writable: true, enumerable: true, configurable: true });
  } else dict[key] = value;
}

/**
 * A dict with keys that are not text. Lists, not a Map: clients can choose numbers that collide in one, and reading it
 * would take the square of their count. Equal keys all stay.
 */
export class MixedDict {
  readonly keys: unknown[];
  readonly values: unknown[];

  /** `before`: what was read while all keys were text. */
  constructor(before: OpenDict) {
    this.keys = Object.keys(before);
    this.values = Object.values(before);
  }

  put(key: unknown, value: unknown): void {
    this.keys.push(key);
    this.values.push(value);
  }
}

/** A value that only its own serialization can say; `what` completes "cannot be transcoded: ". */
export class Untranslatable {
  readonly what: string;

  constructor(what: string) {
    this.what = what;
  }
}

/** The timestamp extension of MessagePack. */
export class Timestamp {
  readonly seconds: bigint;
  readonly nanoseconds: number;

  constructor(seconds: bigint, nanoseconds: number) {
    this.seconds = seconds;
    this.nanoseconds = nanoseconds;
  }
}

const FIRST_SECOND = -62_135_596_800n;
const LAST_SECOND = 253_402_300_799n;

/** RFC 3339 in UTC with as many digits as needed; undefined outside the years 1 to 9999. */
export function rfc3339({ seconds, nanoseconds }: Timestamp): string | undefined {
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND || nanoseconds > 999_999_999) return undefined;
  const second = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  if (nanoseconds === 0) return `${second}Z`;
  return `${second}.${String(nanoseconds).padStart(9, '0').replace(/0+$/, '')}Z`;
}

/** How floats are held after reading: never such that an integral one passes for an integer (MSG-10). */
export function floatRead(value: number): number | FloatOnWire {
  return Number.isInteger(value) ? new FloatOnWire(value) : value;
}

/** How integers wider than 32 bits are held after reading: a number up to 2^53, a bigint beyond. */
export function integerRead(high: number, low: number): number | bigint {
  if (high < 0x20_0000 || (high === 0x20_0000 && low === 0)) return high * 0x1_0000_0000 + low;
  return (BigInt(high) << 32n) | BigInt(low);
}

/** Room for a BigInt made from foreign digits or bytes: conversions are quadratic. */
export const MAX_BIG_INTEGER_BYTES = 128;
export const MAX_BIG_INTEGER_DIGITS = 309;

/** The double that is exactly this integer, if there is one. */
export function exactDouble(value: bigint): number | undefined {
  const double = Number(value);
  return Number.isFinite(double) && BigInt(double) === value ? double : undefined;
}
