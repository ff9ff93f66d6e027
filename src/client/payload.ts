import type { Values } from '../codec/payload-values.js';
import { isDict } from '../wamp/dict.js';
import type { List } from '../wamp/options.js';

/** The elements at the end of a message. */
export function valueElements({ args, kwargs }: Partial<Values>): List {
  if (kwargs !== undefined && Object.keys(kwargs).length > 0) return [args ?? [], kwargs];
  return args === undefined || args.length === 0 ? [] : [args];
}

/** Reads the elements behind `index`. Bytes in place of Arguments are one argument (PPT-5). */
export function payloadAt(message: List, index: number): Values {
  const [args, kwargs] = [message[index], message[index + 1]];
  const list = Array.isArray(args) ? args : args === undefined || args === null ? [] : [args];
  return { args: list, kwargs: isDict(kwargs) ? kwargs : {} };
}
