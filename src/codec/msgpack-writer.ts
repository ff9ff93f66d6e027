import { FloatOnWire } from '../wamp/float-on-wire.js';
import { NO_DETAILS } from '../wamp/options.js';
import { writeDouble, writeHead, writeHead64, writeOne, writeTextBehind } from './binary.js';
import type { ByteSink } from './byte-sink.js';
import { exactDouble, MAX_WRITE_DEPTH, MixedDict, rfc3339, Timestamp, Untranslatable } from './values.js';

/** Writes one value as MessagePack, in the shortest form. A value that MessagePack cannot represent sets `sink.trouble`. */
export function writeMsgpack(sink: ByteSink, value: unknown, depth: number): void {
  switch (typeof value) {
    case 'number':
      if (Number.isInteger(value) && value <= 2 ** 53 && value >= -(2 ** 53)) writeInteger(sink, value);
      else writeDouble(sink, 0xcb, value);
      return;
    case 'string':
      writeTextBehind(sink, value, writeTextHead);
      return;
    case 'boolean':
      writeOne(sink, value ? 0xc3 : 0xc2);
      return;
    case 'undefined':
      writeOne(sink, 0xc0);
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

export function writeListHead(sink: ByteSink, count: number): void {
  if (count < 16) writeOne(sink, 0x90 | count);
  else if (count < 0x1_0000) writeHead(sink, 0xdc, count, 2);
  else writeHead(sink, 0xdd, count, 4);
}

function writeObject(sink: ByteSink, value: object | null, depth: number): void {
  if (value === null) writeOne(sink, 0xc0);
  else if (value === NO_DETAILS) writeOne(sink, 0x80);
  else if (depth >= MAX_WRITE_DEPTH) sink.trouble ??= `lists and dicts nested deeper than ${MAX_WRITE_DEPTH}`;
  else if (Array.isArray(value)) writeList(sink, value, depth + 1);
  else if (value instanceof Uint8Array) writeBytes(sink, value);
  else if (value instanceof FloatOnWire) writeDouble(sink, 0xcb, value.value);
  else if (value instanceof Untranslatable) sink.trouble ??= value.what;
  else if (value instanceof Timestamp) writeTimestamp(sink, value);
  else if (value instanceof MixedDict) writeMixed(sink, value, depth + 1);
  else writeDict(sink, value as Record<string, unknown>, depth + 1);
}

function writeList(sink: ByteSink, list: readonly unknown[], depth: number): void {
  writeListHead(sink, list.length);
  for (const element of list) writeMsgpack(sink, element, depth);
}

function writeDict(sink: ByteSink, dict: Record<string, unknown>, depth: number): void {
  const keys = Object.keys(dict);
  let count = 0;
  for (const key of keys) if (dict[key] !== undefined) count++;
  writeDictHead(sink, count);
  for (const key of keys) {
    const value = dict[key];
    if (value === undefined) continue;
    if (key === '__proto__') sink.trouble ??= 'the key "__proto__", over which msgpack5 ends its session';
    writeTextBehind(sink, key, writeTextHead);
    writeMsgpack(sink, value, depth);
  }
}

function writeMixed(sink: ByteSink, { keys, values }: MixedDict, depth: number): void {
  writeDictHead(sink, keys.length);
  for (let i = 0; i < keys.length; i++) {
    writeMsgpack(sink, keys[i], depth);
    writeMsgpack(sink, values[i], depth);
  }
}

function writeDictHead(sink: ByteSink, count: number): void {
  if (count < 16) writeOne(sink, 0x80 | count);
  else if (count < 0x1_0000) writeHead(sink, 0xde, count, 2);
  else writeHead(sink, 0xdf, count, 4);
}

function writeTextHead(sink: ByteSink, length: number): void {
  if (length < 32) writeOne(sink, 0xa0 | length);
  else if (length < 0x100) writeHead(sink, 0xd9, length, 1);
  else if (length < 0x1_0000) writeHead(sink, 0xda, length, 2);
  else writeHead(sink, 0xdb, length, 4);
}

function writeBytes(sink: ByteSink, value: Uint8Array): void {
  const length = value.length;
  if (length < 0x100) writeHead(sink, 0xc4, length, 1);
  else if (length < 0x1_0000) writeHead(sink, 0xc5, length, 2);
  else writeHead(sink, 0xc6, length, 4);
  sink.append(value, 0, length);
}

function writeInteger(sink: ByteSink, value: number): void {
  if (value >= 0) {
    if (value < 0x80) writeOne(sink, value);
    else if (value < 0x100) writeHead(sink, 0xcc, value, 1);
    else if (value < 0x1_0000) writeHead(sink, 0xcd, value, 2);
    else if (value < 0x1_0000_0000) writeHead(sink, 0xce, value, 4);
    else writeHead(sink, 0xcf, value, 8);
  } else if (value >= -0x20) writeOne(sink, value & 0xff);
  else if (value >= -0x80) writeHead(sink, 0xd0, value & 0xff, 1);
  else if (value >= -0x8000) writeHead(sink, 0xd1, value & 0xffff, 2);
  else if (value >= -0x8000_0000) writeHead(sink, 0xd2, value, 4);
  else writeHead64(sink, 0xd3, BigInt(value));
}

function writeBigInteger(sink: ByteSink, value: bigint): void {
  if (value >= -(2n ** 53n) && value <= 2n ** 53n) writeInteger(sink, Number(value));
  else if (value >= 0n && value < 2n ** 64n) writeHead64(sink, 0xcf, value);
  else if (value < 0n && value >= -(2n ** 63n)) writeHead64(sink, 0xd3, value);
  else {
    const double = exactDouble(value);
    if (double === undefined) sink.trouble ??= 'an integer beyond 64 bits';
    else writeDouble(sink, 0xcb, double);
  }
}

/** Only a router-made value is one: clients' timestamps are forwarded untouched between MessagePack sessions. */
function writeTimestamp(sink: ByteSink, value: Timestamp): void {
  const text = rfc3339(value);
  if (text === undefined) sink.trouble ??= 'a timestamp outside the years 1 to 9999';
  else writeTextBehind(sink, text, writeTextHead);
}
