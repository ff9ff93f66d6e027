import { Buffer, isUtf8 } from 'node:buffer';

// Beyond this a native call costs less than a loop.
const NATIVE_FROM_BYTES = 128;

/** Position behind the UTF-8 sequence whose first byte, ≥ 0x80, is at `pos`; −1 when it is ill-formed or cut off. */
function afterSequence(bytes: Uint8Array, pos: number, end: number): number {
  const lead = bytes[pos] as number;
  if (lead < 0xc2 || lead > 0xf4) return -1;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (pos + length > end) return -1;
  const second = bytes[pos + 1] as number;
  // Overlong forms, surrogates and code points above U+10FFFF show in the second byte.
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return -1;
  for (let i = 2; i < length; i++) if (((bytes[pos + i] as number) & 0xc0) !== 0x80) return -1;
  return pos + length;
}

/** Repeats afterSequence up to the first ASCII byte or the end. */
export function afterSequences(bytes: Uint8Array, from: number, end: number): number {
  let pos = from;
  do pos = afterSequence(bytes, pos, end);
  while (pos >= 0 && pos < end && (bytes[pos] as number) >= 0x80);
  return pos;
}

/** True when the bytes are well-formed UTF-8. O(end − start), nothing allocated when short. */
export function isText(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > NATIVE_FROM_BYTES) return isUtf8(bytes.subarray(start, end));
  let pos = start;
  while (pos + 4 <= end && isAscii4(bytes, pos)) pos += 4;
  while (pos < end) {
    if ((bytes[pos] as number) < 0x80) pos++;
    else {
      pos = afterSequences(bytes, pos, end);
      if (pos < 0) return false;
    }
  }
  return true;
}

function isAscii4(bytes: Uint8Array, pos: number): boolean {
  return (
    ((bytes[pos] as number) | (bytes[pos + 1] as number) | (bytes[pos + 2] as number) | (bytes[pos + 3] as number)) <
    0x80
  );
}

/** Decodes bytes that are well-formed UTF-8. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

/** Decodes bytes that are known to be ASCII. */
export function decodeAscii(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}
