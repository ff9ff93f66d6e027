/**
 * The content of every measured message: who sent it (2 digits), which one it is (6 digits), and a filler
 * that depends only on the position. Only characters that every JSON encoder leaves alone, Go's included.
 */
export const stampBytes = 8;

// Digits to base 32: from `]` to `|`.
const zero = 93;

const longestFiller = 65_536;
const filler = Buffer.from(Uint8Array.from({ length: longestFiller }, (_, index) => 97 + ((index * 7) % 26)));

export function makePayload(payloadBytes: number, source: number): string {
  if (payloadBytes < stampBytes || payloadBytes > longestFiller) throw new RangeError(`payload of ${payloadBytes} B`);
  const bytes = Buffer.alloc(payloadBytes);
  bytes[0] = zero + (source >> 5);
  bytes[1] = zero + (source & 31);
  writeSequence(bytes, 0, 0);
  filler.copy(bytes, stampBytes, 0, payloadBytes - stampBytes);
  return bytes.toString('latin1');
}

/** `at` is where the payload begins. */
export function writeSequence(target: Buffer, at: number, sequence: number): void {
  target[at + 2] = zero + ((sequence >>> 25) & 31);
  target[at + 3] = zero + ((sequence >>> 20) & 31);
  target[at + 4] = zero + ((sequence >>> 15) & 31);
  target[at + 5] = zero + ((sequence >>> 10) & 31);
  target[at + 6] = zero + ((sequence >>> 5) & 31);
  target[at + 7] = zero + (sequence & 31);
}

export function readSequence(source: Buffer, at: number): number {
  return (
    ((source[at + 2]! - zero) << 25) |
    ((source[at + 3]! - zero) << 20) |
    ((source[at + 4]! - zero) << 15) |
    ((source[at + 5]! - zero) << 10) |
    ((source[at + 6]! - zero) << 5) |
    (source[at + 7]! - zero)
  );
}

export function readSource(source: Uint8Array, at: number): number {
  return ((source[at]! - zero) << 5) | (source[at + 1]! - zero);
}

export function isFillerIntact(source: Buffer, at: number, payloadBytes: number): boolean {
  const length = payloadBytes - stampBytes;
  return source.compare(filler, 0, length, at + stampBytes, at + payloadBytes) === 0;
}
