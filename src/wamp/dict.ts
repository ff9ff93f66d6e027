import type { Dict } from './options.js';

/** True for a dict as codecs make them: lists, byte strings and whatever marks an odd number are none (MSG-4). */
export function isDict(value: unknown): value is Dict {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The value of a key the sender set itself; undefined when absent or null (MSG-7). Safe for any key. */
export function own(dict: Dict, key: string): unknown {
  return Object.hasOwn(dict, key) ? (dict[key] ?? undefined) : undefined;
}

/** True for an integer in 0..2^53 (MSG-4). */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 2 ** 53 && Number.isInteger(value);
}
