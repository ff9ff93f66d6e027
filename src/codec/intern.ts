import { decodeAscii, decodeText, isText } from './text.js';

const SLOTS = 4096;
const SLOT_BYTES = 64;

/** The longest string kept, in bytes. */
export const MAX_INTERNED_BYTES = SLOT_BYTES;

export const HASH_SEED = 0x811c9dc5 | 0;

/** One step of the hash `intern` wants: FNV-1a over the string's bytes. */
export function hashStep(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193);
}

const lengths = new Uint8Array(SLOTS);
const texts = new Array<string>(SLOTS).fill('');
const contents = new Uint8Array(SLOTS * SLOT_BYTES);

/**
 * Returns the string of these ASCII bytes (1 to MAX_INTERNED_BYTES), the same object again for a recent string: URIs and
 * option keys repeat, and a known string has its hash. Fixed memory: a new string replaces the one in its slot, and bytes
 * are always compared.
 */
export function intern(bytes: Uint8Array, start: number, end: number, hash: number): string {
  const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
  const length = end - start;
  const base = slot * SLOT_BYTES;
  if (lengths[slot] === length) {
    let i = 0;
    while (i < length && contents[base + i] === bytes[start + i]) i++;
    if (i === length) return texts[slot] as string;
  }
  const text = decodeAscii(bytes, start, end);
  for (let i = 0; i < length; i++) contents[base + i] = bytes[start + i] as number;
  lengths[slot] = length;
  texts[slot] = text;
  return text;
}

/** The string these bytes say, interned when short; undefined when they are not UTF-8. */
export function readBinaryText(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (start === end) return '';
  if (end - start <= MAX_INTERNED_BYTES) {
    let hash = HASH_SEED;
    let all = 0;
    for (let i = start; i < end; i++) {
      const byte = bytes[i] as number;
      all |= byte;
      hash = hashStep(hash, byte);
    }
    if (all < 0x80) return intern(bytes, start, end, hash);
  }
  return isText(bytes, start, end) ? decodeText(bytes, start, end) : undefined;
}
