import { FloatOnWire } from './float-on-wire.js';
import { isId, MAX_ID } from './ids.js';
import type { Dict } from './options.js';

/** True for a dict as codecs make them: lists, byte strings and whatever marks an odd number are none (MSG-4). */
export function isDict(value: unknown): value is Dict {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * True for text that means the same in every serializer: in JSON U+0000 begins bytes (SER-3), and half of a surrogate pair has
 * no UTF-8 of its own (URI-4).
 */
export function isPortableText(value: unknown): value is string {
  return typeof value === 'string' && !value.startsWith('\u0000') && !LONE_SURROGATE.test(value);
}

/** The value of a key the sender set itself; undefined when absent or null (MSG-7). Safe for any key. */
export function own(dict: Dict, key: string): unknown {
  return Object.hasOwn(dict, key) ? (dict[key] ?? undefined) : undefined;
}

/** True for an integer in 0..2^53 (MSG-4). */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= MAX_ID && Number.isInteger(value);
}

/**
 * An id that this router gave out and a client sends back. Serializers of JavaScript write numbers above 2^32 as
 * floats (rules 3.6): there alone a float is taken for the integer it means (MSG-10). Undefined: no id.
 */
export function returnedId(value: unknown): number | undefined {
  if (isId(value)) return value;
  if (value instanceof FloatOnWire && value.value > MAX_UINT32 && isId(value.value)) return value.value;
  return undefined;
}

const MAX_UINT32 = 2 ** 32 - 1;
