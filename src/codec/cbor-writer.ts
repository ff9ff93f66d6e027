import { Buffer } from 'node:buffer';
import { FloatOnWire } from '../wamp/float-on-wire.js';
import { NO_DETAILS } from '../wamp/options.js';
import { writeDouble, writeHead, writeHead64, writeOne, writeTextBehind } from './binary.js';
import type { ByteSink } from './byte-sink.js';
import { exactDouble, MAX_WRITE_DEPTH, MixedDict, rfc3339, Timestamp, Untranslatable } from './values.js';

const UNSIGNED = 0;
const NEGATIVE = 0x20;
const BYTES = 0x40;
const TEXT = 0x60;
const LIST = 0x80;
const DICT = 0xa0;
const TAG_TIME = 0xc0;
const TAG_BIGNUM = 0xc2;
const TAG_NEGATIVE_BIGNUM = 0xc3;
const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;
const DOUBLE = 0xfb;

/**
 * Writes one value as CBOR, lengths definite, integers in the shortest form. A value that CBOR cannot represent sets
 * `sink.trouble`.
 */
export function writeCbor(sink: ByteSink, value: unknown, depth: number): void {
  switch (typeof value) {
    case 'number':
      if (Number.isInteger(value) && value <= 2 ** 53 && value >= -(2 ** 53)) writeInteger(sink, value);
      else writeDouble(sink, DOUBLE, value);
      return;
    case 'string':
      writeTextBehind(sink, value, writeTextHead);
      return;
    case 'boolean':
      writeOne(sink, value ? TRUE : FALSE);
      return;
    case 'undefined':
      writeOne(sink, NULL);
      return;
    case 'bigint':
      writeBigInteger(sink, value);
      return;
    case 'object':
      writeObject(sink, value, depth);
      return;
    default:
      sink.trouble ??= `a ${typeof value}`;
  }
}

export function writeCborListHead(sink: ByteSink, count: number): void {
  writeArgument(sink, LIST, count);
}

function writeObject(sink: ByteSink, value: object | null, depth: number): void {
  if (value === null) writeOne(sink, NULL);
  else if (value === NO_DETAILS) writeOne(sink, DICT);
  else if (depth >= MAX_WRITE_DEPTH) sink.trouble ??= `lists and dicts nested deeper than ${MAX_WRITE_DEPTH}`;
  else if (Array.isArray(value)) writeList(sink, value, depth + 1);
  else if (value instanceof Uint8Array) writeBytes(sink, value);
  else if (value instanceof FloatOnWire) writeDouble(sink, DOUBLE, value.value);
  else if (value instanceof Untranslatable) sink.trouble ??= value.what;
  else if (value instanceof Timestamp) writeTimestamp(sink, value);
  else if (value instanceof MixedDict) writeMixed(sink, value, depth + 1);
  else writeDict(sink, value as Record<string, unknown>, depth + 1);
}

function writeList(sink: ByteSink, list: readonly unknown[], depth: number): void {
  writeArgument(sink, LIST, list.length);
  for (const element of list) writeCbor(sink, element, depth);
}

function writeDict(sink: ByteSink, dict: Record<string, unknown>, depth: number): void {
  const keys = Object.keys(dict);
  let count = 0;
  for (const key of keys) if (dict[key] !== undefined) count++;
  writeArgument(sink, DICT, count);
  for (const key of keys) {
    const value = dict[key];
    if (value === undefined) continue;
    writeTextBehind(sink, key, writeTextHead);
    writeCbor(sink, value, depth);
  }
}

function writeMixed(sink: ByteSink, { keys, values }: MixedDict, depth: number): void {
  writeArgument(sink, DICT, keys.length);
  for (let i = 0; i < keys.length; i++) {
    writeCbor(sink, keys[i], depth);
    writeCbor(sink, values[i], depth);
  }
}

/** `major`: 2 for bytes, 3 for text. */
export function writeStringHead(sink: ByteSink, major: number, length: number): void {
  writeArgument(sink, major << 5, length);
}

function writeTextHead(sink: ByteSink, length: number): void {
  writeArgument(sink, TEXT, length);
}

function writeBytes(sink: ByteSink, value: Uint8Array): void {
  writeArgument(sink, BYTES, value.length);
  sink.append(value, 0, value.length);
}

function writeInteger(sink: ByteSink, value: number): void {
  if (value >= 0) writeArgument(sink, UNSIGNED, value);
  else writeArgument(sink, NEGATIVE, -1 - value);
}

function writeArgument(sink: ByteSink, major: number, value: number): void {
  if (value < 24) writeOne(sink, major | value);
  else if (value < 0x100) writeHead(sink, major | 24, value, 1);
  else if (value < 0x1_0000) writeHead(sink, major | 25, value, 2);
  else if (value < 0x1_0000_0000) writeHead(sink, major | 26, value, 4);
  else writeHead(sink, major | 27, value, 8);
}

function writeBigInteger(sink: ByteSink, value: bigint): void {
  const argument = value < 0n ? -1n - value : value;
  if (argument <= 0xffff_ffffn) writeInteger(sink, Number(value));
  else if (argument < 2n ** 64n) writeHead64(sink, (value < 0n ? NEGATIVE : UNSIGNED) | 27, argument);
  else {
    const double = exactDouble(value);
    if (double !== undefined) writeDouble(sink, DOUBLE, double);
    else writeBignum(sink, value < 0n ? TAG_NEGATIVE_BIGNUM : TAG_BIGNUM, argument);
  }
}

function writeBignum(sink: ByteSink, tag: number, argument: bigint): void {
  const digits = argument.toString(16);
  writeOne(sink, tag);
  writeBytes(sink, Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex'));
}

function writeTimestamp(sink: ByteSink, value: Timestamp): void {
  const text = rfc3339(value);
  if (text === undefined) {
    sink.trouble ??= 'a timestamp outside the years 1 to 9999';
    return;
  }
  writeOne(sink, TAG_TIME);
  writeTextBehind(sink, text, writeTextHead);
}
