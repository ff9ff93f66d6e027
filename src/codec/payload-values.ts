import { FloatOnWire } from '../wamp/float-on-wire.js';
import { isDict } from '../wamp/dict.js';
import { NO_DETAILS, type Dict, type List } from '../wamp/options.js';
import type { Payload } from '../wamp/payload.js';
import { readers } from './transcode.js';
import { putEntry, type OpenDict } from './values.js';

/** Arguments and ArgumentsKw of one message, decoded. */
export interface Values {
  readonly args: List;
  readonly kwargs: Dict;
}

const NO_VALUES: Values = Object.freeze({ args: Object.freeze([]), kwargs: NO_DETAILS });

/**
 * Decodes a payload, for procedures of the router and calls that it makes. Floats become numbers, also integral ones.
 * Undefined: Arguments is no list, or ArgumentsKw no dict.
 */
export function payloadValues(payload: Payload): Values | undefined {
  if (payload.elementCount === 0) return NO_VALUES;
  const values = payloadElements(payload);
  if (values === undefined) return undefined;
  const args = plain(values[0] ?? []);
  const kwargs = plain(values[1] ?? NO_DETAILS);
  return Array.isArray(args) && isDict(kwargs) ? { args, kwargs } : undefined;
}

/** Arguments and ArgumentsKw as far as they are there, with floats as FloatOnWire. Undefined: they cannot be read. */
export function payloadElements(payload: Payload): List | undefined {
  const reader = readers[payload.serializer];
  const values: unknown[] = [];
  reader.begin(payload.bytes);
  while (values.length < payload.elementCount && reader.trouble() === undefined)
    values.push(reader.readElement(values.length));
  return reader.trouble() === undefined ? values : undefined;
}

/** Recursion is as deep as the reader's, which is bounded. */
function plain(value: unknown): unknown {
  if (value instanceof FloatOnWire) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  if (!isDict(value)) return value;
  const dict: OpenDict = {};
  for (const [key, entry] of Object.entries(value)) putEntry(dict, key, plain(entry));
  return dict;
}
