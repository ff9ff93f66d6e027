import { Buffer } from 'node:buffer';

// Major types, the upper three bits of a head.
export const UNSIGNED = 0;
export const NEGATIVE = 1;
export const BYTES = 2;
export const TEXT = 3;
export const LIST = 4;
export const DICT = 5;
export const TAG = 6;

export const BREAK = 0xff;
/** Additional information, the lower five bits of a head: the length is indefinite. */
export const INDEFINITE = 31;

const SMALL_CHUNK_BYTES = 64;

/** Where the head at `pos` ends. */
export function behindHead(bytes: Uint8Array, pos: number): number {
  const extra = (bytes[pos] as number) & 0x1f;
  return extra < 24 || extra === INDEFINITE ? pos + 1 : pos + 1 + (1 << (extra - 24));
}

/** The argument of the head that begins at `pos` and ends at `behind`. */
export function argument(bytes: Uint8Array, pos: number, behind: number): number {
  if (behind === pos + 1) return (bytes[pos] as number) & 0x1f;
  let value = 0;
  for (let i = pos + 1; i < behind; i++) value = value * 256 + (bytes[i] as number);
  return value;
}

/** The chunks of a string from `start` up to their break, checked before, as one. `end`: behind the break, at least. */
export function joined(bytes: Uint8Array, start: number, end: number): Buffer {
  // Not as a list of parts: a chunk may be of one byte or none, and there may be millions.
  const content = Buffer.allocUnsafe(end - start);
  let length = 0;
  for (let pos = start; bytes[pos] !== BREAK;) {
    const from = behindHead(bytes, pos);
    const chunkBytes = argument(bytes, pos, from);
    pos = from + chunkBytes;
    if (chunkBytes > SMALL_CHUNK_BYTES) {
      content.set(bytes.subarray(from, pos), length);
      length += chunkBytes;
    } else for (let at = from; at < pos; at++) content[length++] = bytes[at] as number;
  }
  return content.subarray(0, length);
}
