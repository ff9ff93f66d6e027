import { Buffer } from 'node:buffer';
import type { ByteSink } from './byte-sink.js';

// Above this a native call beats the loop over characters.
const LOOP_CHARACTERS = 64;

export type Width = 1 | 2 | 4 | 8;

/** Writes an unsigned integer of 1, 2, 4 or 8 bytes, big-endian, behind a byte that announces it. */
export function writeHead(sink: ByteSink, head: number, value: number, width: Width): void {
  sink.reserve(1 + width);
  sink.pos = putHead(sink.bytes, sink.pos, head, value, width);
}

/** Puts what writeHead writes where there is room for it; the place behind it. */
export function putHead(bytes: Uint8Array, pos: number, head: number, value: number, width: Width): number {
  bytes[pos] = head;
  if (width === 8) {
    const high = Math.floor(value / 0x1_0000_0000);
    putUint32(bytes, pos + 1, high);
    putUint32(bytes, pos + 5, value - high * 0x1_0000_0000);
  } else if (width === 4) putUint32(bytes, pos + 1, value);
  else if (width === 2) {
    bytes[pos + 1] = value >>> 8;
    bytes[pos + 2] = value;
  } else bytes[pos + 1] = value;
  return pos + 1 + width;
}

/** The narrowest width that holds an unsigned integer. */
export function widthOf(value: number): Width {
  if (value < 0x100) return 1;
  if (value < 0x1_0000) return 2;
  return value < 0x1_0000_0000 ? 4 : 8;
}

export function writeHead64(sink: ByteSink, head: number, value: bigint): void {
  sink.reserve(9);
  sink.bytes[sink.pos] = head;
  sink.bytes.writeBigUInt64BE(BigInt.asUintN(64, value), sink.pos + 1);
  sink.pos += 9;
}

export function writeDouble(sink: ByteSink, head: number, value: number): void {
  sink.reserve(9);
  sink.bytes[sink.pos] = head;
  sink.bytes.writeDoubleBE(value, sink.pos + 1);
  sink.pos += 9;
}

export function putUint32(bytes: Uint8Array, pos: number, value: number): void {
  bytes[pos] = value >>> 24;
  bytes[pos + 1] = value >>> 16;
  bytes[pos + 2] = value >>> 8;
  bytes[pos + 3] = value;
}

export function writeOne(sink: ByteSink, byte: number): void {
  sink.reserve(1);
  sink.bytes[sink.pos++] = byte;
}

/** Writes text behind the head that `writeLength` makes of its length in bytes. Lone surrogates become U+FFFD. */
export function writeTextBehind(
  sink: ByteSink,
  text: string,
  writeLength: (sink: ByteSink, length: number) => void,
): void {
  const length = text.length;
  if (length <= LOOP_CHARACTERS) {
    const already = sink.length;
    writeLength(sink, length);
    sink.reserve(length);
    const { bytes, pos } = sink;
    let i = 0;
    for (; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) break;
      bytes[pos + i] = code;
    }
    if (i === length) {
      sink.pos = pos + length;
      return;
    }
    sink.cut(already);
  }
  const byteLength = Buffer.byteLength(text);
  writeLength(sink, byteLength);
  sink.reserve(byteLength);
  sink.pos += sink.bytes.write(text, sink.pos, 'utf8');
}

export function writeByte(sink: ByteSink, byte: number): void {
  sink.reserve(1);
  sink.bytes[sink.pos++] = byte;
}

/** Copies a few bytes, which a loop does faster than `set`. */
export function putBytes(bytes: Uint8Array, pos: number, source: Uint8Array): void {
  for (let i = 0; i < source.length; i++) bytes[pos + i] = source[i] as number;
}
