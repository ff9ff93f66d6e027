import { isDict } from '../../wamp/dict.js';
import type { Dict, List } from '../../wamp/options.js';
import { readJson } from '../../client/wire.js';
import type { Values } from '../../codec/payload-values.js';
import { UsageError } from '../usage-error.js';

/** Numbers, truth values and null as JSON has them, and everything that begins like a list, a dict or a quoted text. */
const JSON_WORD = /^(-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?|true|false|null|[[{"][^]*)$/;

/** A word as a value: what looks like JSON is JSON, anything else is text. Errors: UsageError. */
export function valueOf(word: string): unknown {
  if (!JSON_WORD.test(word)) return word;
  const read = readJson(word);
  if (typeof read === 'string')
    throw new UsageError(`an argument begins like JSON and is none: ${read}. Text that begins so wants quotes: '"…"'`);
  return read.value;
}

/** `key=value` words as a dict. Errors: UsageError. */
export function dictOf(flag: string, words: readonly string[]): Dict {
  const entries = words.map((word): [string, unknown] => {
    const [, key, text] = /^([^=]+)=([^]*)$/.exec(word) ?? [];
    if (key === undefined || text === undefined) throw new UsageError(`${flag} wants key=value`);
    return [key, valueOf(text)];
  });
  return Object.fromEntries(entries);
}

/** A JSON list is the arguments, a dict the keyword arguments, anything else the only argument. Undefined: it is no JSON. */
export function payloadOfLine(line: string): Values | undefined {
  const read = readJson(line);
  if (typeof read === 'string') return undefined;
  return payloadFromValue(read.value);
}

export function payloadFromValue(value: unknown): Values {
  if (Array.isArray(value)) return { args: value as List, kwargs: {} };
  return isDict(value) ? { args: [], kwargs: value } : { args: [value], kwargs: {} };
}
