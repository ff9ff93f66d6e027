import { Buffer } from 'node:buffer';
import { FloatOnWire } from '../wamp/float-on-wire.js';
import { NO_DETAILS } from '../wamp/options.js';
import { writeByte } from './binary.js';
import type { ByteSink } from './byte-sink.js';
import { MAX_WRITE_DEPTH, MixedDict, rfc3339, Timestamp, Untranslatable } from './values.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
/** The digits of 2^53, and one to spare. */
export const MAX_DIGITS = 17;
/** The characters of 00 to 99. */
const PAIRS = Uint8Array.from({ length: 200 }, (_, i) => 0x30 + (i % 2 === 0 ? Math.floor(i / 20) : (i >> 1) % 10));
// Above this a native call beats the loop over characters.
const LOOP_CHARACTERS = 96;

/** Writes one value as JSON text. A value that JSON cannot represent sets `sink.trouble`. */
export function writeJson(sink: ByteSink, value: unknown, depth: number): void {
  switch (typeof value) {
    case 'number':
      writeNumber(sink, value);
      return;
    case 'string':
      if (value.length > 0 && value.charCodeAt(0) === 0)
        sink.trouble ??= 'text that begins with U+0000 means bytes in JSON';
      else writeText(sink, value);
      return;
    case 'boolean':
      writeAscii(sink, value ? 'true' : 'false');
      return;
    case 'undefined':
      writeAscii(sink, 'null');
      return;
    case 'bigint':
      writeAscii(sink, value.toString());
      return;
    case 'object':
      writeObject(sink, value, depth);
      return;
    default:
      sink.trouble ??= `a ${typeof value}`;
  }
}

function writeObject(sink: ByteSink, value: object | null, depth: number): void {
  if (value === null) writeAscii(sink, 'null');
  else if (value === NO_DETAILS) writeAscii(sink, '{}');
  else if (depth >= MAX_WRITE_DEPTH) sink.trouble ??= `lists and dicts nested deeper than ${MAX_WRITE_DEPTH}`;
  else if (Array.isArray(value)) writeList(sink, value, depth + 1);
  else if (value instanceof Uint8Array) writeBytes(sink, value);
  else if (value instanceof FloatOnWire) writeIntegralFloat(sink, value.value);
  else if (value instanceof Untranslatable) sink.trouble ??= value.what;
  else if (value instanceof Timestamp) writeTimestamp(sink, value);
  else if (value instanceof MixedDict) sink.trouble ??= 'a dict with keys that are not text';
  else writeDict(sink, value as Record<string, unknown>, depth + 1);
}

function writeList(sink: ByteSink, list: readonly unknown[], depth: number): void {
  writeByte(sink, 0x5b);
  for (let i = 0; i < list.length; i++) {
    if (i > 0) writeByte(sink, COMMA);
    writeJson(sink, list[i], depth);
  }
  writeByte(sink, 0x5d);
}

function writeDict(sink: ByteSink, dict: Record<string, unknown>, depth: number): void {
  writeByte(sink, 0x7b);
  let isFirst = true;
  for (const key of Object.keys(dict)) {
    const value = dict[key];
    if (value === undefined) continue;
    if (!isFirst) writeByte(sink, COMMA);
    isFirst = false;
    writeText(sink, key);
    writeByte(sink, 0x3a);
    writeJson(sink, value, depth);
  }
  writeByte(sink, 0x7d);
}

/** Writes characters that stand for themselves. */
function writeAscii(sink: ByteSink, text: string): void {
  sink.reserve(text.length);
  const { bytes, pos } = sink;
  for (let i = 0; i < text.length; i++) bytes[pos + i] = text.charCodeAt(i);
  sink.pos = pos + text.length;
}

/** Writes a string, whatever it begins with. */
function writeText(sink: ByteSink, text: string): void {
  const length = text.length;
  if (length > LOOP_CHARACTERS) {
    writeForeignText(sink, text);
    return;
  }
  sink.reserve(length + 2);
  const { bytes, pos } = sink;
  bytes[pos] = QUOTE;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e || code === QUOTE || code === 0x5c) {
      writeForeignText(sink, text);
      return;
    }
    bytes[pos + 1 + i] = code;
  }
  bytes[pos + 1 + length] = QUOTE;
  sink.pos = pos + length + 2;
}

function writeForeignText(sink: ByteSink, text: string): void {
  const quoted = JSON.stringify(text);
  sink.reserve(Buffer.byteLength(quoted));
  sink.pos += sink.bytes.write(quoted, sink.pos, 'utf8');
}

function writeNumber(sink: ByteSink, value: number): void {
  if (value >= 0 && value <= 2 ** 53 && Number.isInteger(value)) writeInteger(sink, value);
  else if (Number.isFinite(value)) writeAscii(sink, String(value));
  else sink.trouble ??= `the number ${value}`;
}

function writeIntegralFloat(sink: ByteSink, value: number): void {
  const text = Object.is(value, -0) ? '-0' : String(value);
  writeAscii(sink, text.includes('e') ? text : `${text}.0`);
}

/** Writes an integer in 0..2^53 in decimal. */
function writeInteger(sink: ByteSink, value: number): void {
  sink.reserve(MAX_DIGITS);
  sink.pos = putInteger(sink.bytes, sink.pos, value);
}

/** Puts an integer in 0..2^53 in decimal, where there is room for MAX_DIGITS; the place behind it. */
export function putInteger(bytes: Uint8Array, pos: number, value: number): number {
  if (value < 10) {
    bytes[pos] = 0x30 + value;
    return pos + 1;
  }
  if (value < 1e8) {
    const end = pos + digitCount(value);
    putDigits(bytes, pos, end, value | 0);
    return end;
  }
  // Two halves, because arithmetic on 32-bit integers is several times faster.
  const high = Math.floor(value / 1e8);
  const middle = pos + digitCount(high);
  putDigits(bytes, pos, middle, high | 0);
  putDigits(bytes, middle, middle + 8, (value - high * 1e8) | 0);
  return middle + 8;
}

/** Digits of an integer in 0..2^53. */
export function integerLength(value: number): number {
  return value < 1e8 ? digitCount(value) : 8 + digitCount(Math.floor(value / 1e8));
}

function digitCount(value: number): number {
  let count = 1;
  for (let bound = 10; value >= bound; bound *= 10) count++;
  return count;
}

/** Fills `start`..`end` with the digits of a 32-bit integer, two at a time. */
function putDigits(bytes: Uint8Array, start: number, end: number, value: number): void {
  let rest = value;
  let pos = end;
  while (pos - start >= 2) {
    const hundredth = (rest / 100) | 0;
    const pair = (rest - hundredth * 100) << 1;
    pos -= 2;
    bytes[pos] = PAIRS[pair] as number;
    bytes[pos + 1] = PAIRS[pair + 1] as number;
    rest = hundredth;
  }
  if (pos > start) bytes[start] = 0x30 + rest;
}

function writeBytes(sink: ByteSink, value: Uint8Array): void {
  const base64 = Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64');
  writeAscii(sink, '"\\u0000');
  sink.reserve(base64.length + 1);
  sink.pos += sink.bytes.write(base64, sink.pos, 'latin1');
  writeByte(sink, QUOTE);
}

function writeTimestamp(sink: ByteSink, value: Timestamp): void {
  const text = rfc3339(value);
  if (text === undefined) sink.trouble ??= 'a timestamp outside the years 1 to 9999';
  else writeText(sink, text);
}
