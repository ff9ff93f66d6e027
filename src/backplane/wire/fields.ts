import { Buffer } from 'node:buffer';
import type { ByteSink } from '../../codec/byte-sink.js';
import { readBinaryText } from '../../codec/intern.js';
import { MAX_ID } from '../../wamp/ids.js';

// Above this a native call beats the loop over characters.
const LOOP_CHARACTERS = 64;
const MAX_COUNT_BYTES = 5;
const TWO_32 = 0x1_0000_0000;
const MAX_HIGH = MAX_ID / TWO_32;

/** There must be room for 5 bytes. */
export function putCount(bytes: Uint8Array, at: number, value: number): number {
  let pos = at;
  let left = value;
  while (left > 0x7f) {
    bytes[pos++] = (left & 0x7f) | 0x80;
    left >>>= 7;
  }
  bytes[pos] = left;
  return pos + 1;
}

export function putUint32LE(bytes: Uint8Array, pos: number, value: number): number {
  bytes[pos] = value;
  bytes[pos + 1] = value >>> 8;
  bytes[pos + 2] = value >>> 16;
  bytes[pos + 3] = value >>> 24;
  return pos + 4;
}

/** An integer in 0..2^53. */
export function putNumber(bytes: Uint8Array, pos: number, value: number): number {
  const high = Math.floor(value / TWO_32);
  putUint32LE(bytes, pos, value - high * TWO_32);
  return putUint32LE(bytes, pos + 4, high);
}

export function writeCount(sink: ByteSink, value: number): void {
  sink.reserve(MAX_COUNT_BYTES);
  sink.pos = putCount(sink.bytes, sink.pos, value);
}

export function writeNumber(sink: ByteSink, value: number): void {
  sink.reserve(8);
  sink.pos = putNumber(sink.bytes, sink.pos, value);
}

/** Room that text may take at most. */
export function roomFor(text: string): number {
  return MAX_COUNT_BYTES + text.length * 3;
}

/** Lone surrogates become U+FFFD. There must be room for it; the place behind it. */
export function putText(bytes: Buffer, at: number, text: string): number {
  const length = text.length;
  if (length <= LOOP_CHARACTERS) {
    let pos = at + 1;
    let all = 0;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      all |= code;
      bytes[pos++] = code;
    }
    if (all < 0x80) {
      bytes[at] = length;
      return pos;
    }
  }
  const pos = putCount(bytes, at, Buffer.byteLength(text));
  return pos + bytes.write(text, pos, 'utf8');
}

export function writeText(sink: ByteSink, text: string): void {
  sink.reserve(roomFor(text));
  sink.pos = putText(sink.bytes, sink.pos, text);
}

/**
 * Reads fields one after the other from bytes nobody has looked at. Never throws: what is not there, or out of range, makes
 * it bad, and then everything read is meaningless.
 */
export class FieldCursor {
  bytes: Uint8Array = new Uint8Array(0);
  /** View of the same bytes, to read several at once. */
  view = new DataView(this.bytes.buffer);
  pos = 0;
  #end = 0;
  #isBad = false;

  begin(bytes: Uint8Array, pos: number): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.pos = pos;
    this.#end = bytes.length;
    this.#isBad = false;
  }

  isBad(): boolean {
    return this.#isBad;
  }

  get leftBytes(): number {
    return this.#end - this.pos;
  }

  get isAtEnd(): boolean {
    return this.pos === this.#end;
  }

  byte(): number {
    if (this.pos >= this.#end) return this.#fail();
    return this.bytes[this.pos++] as number;
  }

  /** A byte below `limit`: what it stands for has a place in a list. */
  choice(limit: number): number {
    const value = this.byte();
    return value < limit ? value : this.#fail();
  }

  /** Never more than can follow, each element taking at least `elementBytes`. */
  count(elementBytes: number): number {
    const { bytes } = this;
    let pos = this.pos;
    const last = Math.min(this.#end, pos + MAX_COUNT_BYTES);
    let value = 0;
    for (let scale = 1; pos < last; scale *= 128) {
      const byte = bytes[pos++] as number;
      value += (byte & 0x7f) * scale;
      if (byte > 0x7f) continue;
      this.pos = pos;
      return value * elementBytes <= this.#end - pos ? value : this.#fail();
    }
    return this.#fail();
  }

  uint32(): number {
    const { pos } = this;
    if (pos + 4 > this.#end) return this.#fail();
    this.pos = pos + 4;
    return this.view.getUint32(pos, true);
  }

  /** An integer in `least`..2^53. */
  number(least: 0 | 1): number {
    const { view, pos } = this;
    if (pos + 8 > this.#end) return this.#fail();
    const low = view.getUint32(pos, true);
    const high = view.getUint32(pos + 4, true);
    this.pos = pos + 8;
    const value = high * TWO_32 + low;
    return high > MAX_HIGH || (high === MAX_HIGH && low > 0) || value < least ? this.#fail() : value;
  }

  text(): string {
    const length = this.count(1);
    const start = this.pos;
    const text = this.isBad() ? undefined : readBinaryText(this.bytes, start, start + length);
    if (text === undefined) {
      this.#fail();
      return '';
    }
    this.pos = start + length;
    return text;
  }

  /** A view. */
  byteString(): Uint8Array {
    const length = this.count(1);
    const start = this.pos;
    this.pos = start + length;
    return this.bytes.subarray(start, this.pos);
  }

  /** Passes over one text. */
  skipText(): void {
    const length = this.count(1);
    this.pos += length;
  }

  skip(byteCount: number): void {
    if (byteCount > this.leftBytes) this.#fail();
    else this.pos += byteCount;
  }

  fail(): void {
    this.#isBad = true;
  }

  #fail(): 0 {
    this.#isBad = true;
    return 0;
  }
}
