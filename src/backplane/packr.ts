import { Buffer } from 'node:buffer';
import type * as Msgpackr from 'msgpackr';
import * as withoutNativePart from 'msgpackr/pack';
import { MAX_BIG_INTEGER_BYTES, type OpenDict, putEntry } from '../codec/values.js';
import { FloatOnWire } from '../wamp/float-on-wire.js';
import { MAX_ID } from '../wamp/ids.js';
import { PackedCheck } from './packed-check.js';

/*
 * Values that leave the process outside of WAMP messages, as MessagePack: details between nodes, rows in Redis. Scripts in
 * Redis can read and write them with cmsgpack.
 *
 *   null, booleans, text, bytes, lists, dicts   as they are; of dict keys none is special, `__proto__` included
 *   numbers        integers and floats as MessagePack has them; all are read as numbers
 *   FloatOnWire    extension 1: IEEE 754 double, big-endian
 *   bigint         beyond 2^53 and within 64 bits an integer; else extension 2: sign and hexadecimal digits, in ASCII
 *   -0             extension 2: "-0"
 *
 * An integer of 64 bits is read as a number up to 2^53, and as a bigint beyond. Nothing else is written or read.
 */

// The types of msgpackr/pack do not resolve in ES modules.
const { addExtension, Packr } = withoutNativePart as unknown as typeof Msgpackr;

/** Nesting of lists and dicts. */
export const MAX_PACKED_DEPTH = 32;
export const MAX_PACKED_BYTES = 16 * 2 ** 20;

const FLOAT = 1;
const DIGITS = 2;
const FLOAT_BYTES = 8;
const MAX_DIGITS = 1 + 2 * MAX_BIG_INTEGER_BYTES;
const MINUS_ZERO = '-0';
const LONE_SURROGATE = /\p{Surrogate}/u;
const LONE_SURROGATES = /\p{Surrogate}/gu;
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;

export interface PackingFault {
  readonly kind: 'unpackable';
  /** Names the part of the value that cannot be represented. */
  readonly message: string;
}

/** A number that MessagePack cannot hold exactly. */
class Digits {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  get value(): number | bigint {
    if (this.text === MINUS_ZERO) return -0;
    return this.text.startsWith('-') ? -BigInt(`0x${this.text.slice(1)}`) : BigInt(`0x${this.text}`);
  }
}

// msgpackr keeps extensions per process, not per Packr. This is its only user here.
addExtension({
  Class: FloatOnWire,
  type: FLOAT,
  pack({ value }: FloatOnWire) {
    const bytes = Buffer.alloc(FLOAT_BYTES);
    bytes.writeDoubleBE(value);
    return bytes;
  },
  unpack: (bytes: Uint8Array) => new FloatOnWire(new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0)),
});
addExtension({
  Class: Digits,
  type: DIGITS,
  pack: ({ text }: Digits) => Buffer.from(text, 'latin1'),
  unpack: (bytes: Uint8Array) => new Digits(Buffer.from(bytes).toString('latin1')),
});

const packr = new Packr({
  useRecords: false,
  // Objects of msgpackr would rename the key `__proto__`.
  mapsAsObjects: false,
  variableMapSize: true,
  // A view would keep the memory of the whole message.
  copyBuffers: true,
  structuredClone: false,
  moreTypes: false,
});

const check = new PackedCheck(
  MAX_PACKED_DEPTH,
  (type, byteCount) =>
    (type === FLOAT && byteCount === FLOAT_BYTES) || (type === DIGITS && byteCount > 0 && byteCount <= MAX_DIGITS),
);

/** Lone surrogates become U+FFFD. In dicts undefined is left out, in lists it becomes null. */
export function pack(value: unknown): Uint8Array | PackingFault {
  const trouble: string[] = [];
  const prepared = prepare(value, 0, trouble);
  const [message] = trouble;
  if (message !== undefined) return { kind: 'unpackable', message };
  const bytes = packr.pack(prepared);
  if (bytes.length <= MAX_PACKED_BYTES) return bytes;
  return { kind: 'unpackable', message: `more than ${MAX_PACKED_BYTES} bytes` };
}

/** Undefined: the bytes are not what `pack` writes. Keeps nothing of their memory. */
export function unpack(bytes: Uint8Array): unknown {
  if (bytes.length > MAX_PACKED_BYTES || !check.accepts(bytes)) return undefined;
  try {
    // msgpackr leaves a property on what it reads; of a Buffer it would make Buffers.
    return restore(packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)));
  } catch {
    return undefined;
  }
}

/** The value in terms of what msgpackr writes exactly: a dict as Map. */
function prepare(value: unknown, depth: number, trouble: string[]): unknown {
  switch (typeof value) {
    case 'boolean':
      return value;
    case 'string':
      return wellFormed(value);
    case 'number':
      return Object.is(value, -0) ? new Digits(MINUS_ZERO) : value;
    case 'undefined':
      return null;
    case 'bigint':
      return prepareInteger(value, trouble);
    case 'object':
      return prepareObject(value, depth, trouble);
    default:
      trouble.push(`a ${typeof value}`);
      return null;
  }
}

/** msgpackr writes a lone surrogate of a long text as it is, which is no UTF-8. */
function wellFormed(text: string): string {
  return LONE_SURROGATE.test(text) ? text.replace(LONE_SURROGATES, '\ufffd') : text;
}

function prepareInteger(value: bigint, trouble: string[]): unknown {
  const isNative = (value > MAX_ID && value <= MAX_UINT64) || (value < -MAX_ID && value >= MIN_INT64);
  if (isNative) return value;
  const text = value.toString(16);
  if (text.length > MAX_DIGITS) trouble.push('an integer of too many digits');
  return new Digits(text);
}

function prepareObject(value: object | null, depth: number, trouble: string[]): unknown {
  if (value === null || value instanceof Uint8Array || value instanceof FloatOnWire) return value;
  if (depth >= MAX_PACKED_DEPTH) {
    trouble.push(`lists and dicts nested deeper than ${MAX_PACKED_DEPTH}`);
    return null;
  }
  if (Array.isArray(value)) return Array.from(value, (element: unknown) => prepare(element, depth + 1, trouble));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    trouble.push(`a ${value.constructor.name}`);
    return null;
  }
  const dict = new Map<string, unknown>();
  for (const [key, entry] of Object.entries(value) as [string, unknown][])
    if (entry !== undefined) dict.set(wellFormed(key), prepare(entry, depth + 1, trouble));
  return dict;
}

function restore(value: unknown): unknown {
  if (typeof value === 'bigint') return value >= -MAX_ID && value <= MAX_ID ? Number(value) : value;
  if (value instanceof Digits) return value.value;
  if (Array.isArray(value)) return value.map(restore);
  if (!(value instanceof Map)) return value;
  const dict: OpenDict = {};
  for (const [key, entry] of value as Map<string, unknown>) putEntry(dict, key, restore(entry));
  return dict;
}
