import type { SerializerId } from '../../src/wamp/payload.js';
import { chooser, spell, type Spelled } from './spellings.js';

/** Arguments as JSON text or in hexadecimal, and what becomes of them. */
export type Unportable = readonly [serializer: SerializerId, what: string, args: string, outcome: string];

/** Arguments that end sessions of some client library, and the reason that the router gives. */
export const REFUSED: readonly Unportable[] = [
  ['json', 'U+0000 and no Base64', String.raw`["\u0000!!"]`, 'not Base64'],
  ['json', 'U+0000 and one digit', String.raw`["\u0000a"]`, 'not Base64'],
  ['json', 'Base64 without padding', String.raw`["\u0000YQ"]`, 'not Base64'],
  ['json', 'Base64 with spare bits', String.raw`["\u0000YR=="]`, 'not Base64'],
  ['json', 'too much padding', String.raw`["\u0000YQ==="]`, 'not Base64'],
  ['json', 'padding alone', String.raw`["\u0000=="]`, 'not Base64'],
  ['json', 'the other alphabet', String.raw`["\u0000-_8="]`, 'not Base64'],
  ['json', 'a line break in Base64', String.raw`["\u0000YWFh\nYWFh"]`, 'not Base64'],
  ['json', 'text behind Base64, far in', String.raw`[{"k":["\u0000YQ==x"]}]`, 'not Base64'],
  ['json', 'an exponent too large', '[1e400]', 'larger than any float'],
  ['json', 'an exponent far too large', '[-1e99999999999]', 'larger than any float'],
  ['json', 'more digits than Python reads', `[${'9'.repeat(5000)}]`, 'larger than any float'],
  ['msgpack', 'an extension', '91 d4 05 01', 'extension type 5'],
  ['msgpack', 'an extension as a key', '91 81 d4 05 01 01', 'a key that is not text'],
  ['msgpack', 'an extension of msgpackr', '91 d4 73 90', 'extension type 115'],
  ['msgpack', 'an extension of a variable length', '91 c7 03 01 01 02 03', 'extension type 1'],
  ['msgpack', 'a timestamp of three bytes', '91 c7 03 ff 01 02 03', 'extension type -1'],
  ['msgpack', 'a timestamp of one byte', '91 d4 ff 01', 'extension type -1'],
  ['msgpack', 'a timestamp of too many nanoseconds', '91 d7 ff ff ff ff ff 00 00 00 01', 'nanoseconds'],
  ['msgpack', 'an integer as a key', '91 81 01 a1 61', 'a key that is not text'],
  ['msgpack', 'bytes as a key', '91 82 a1 61 01 c4 01 61 01', 'a key that is not text'],
  ['msgpack', 'nil as a key, far in', '91 91 81 a1 61 81 c0 01', 'a key that is not text'],
  ['msgpack', 'a key that msgpack5 forbids', '91 81 a9 5f 5f 70 72 6f 74 6f 5f 5f 01', '__proto__'],
  ['cbor', 'a simple value', '81 e0', 'simple value 0'],
  ['cbor', 'a simple value of two bytes', '81 f8 ff', 'simple value 255'],
  ['cbor', 'an integer as a key', '81 a1 01 61 61', 'a key that is not text'],
  ['cbor', 'a list as a key', '81 a1 80 61 61', 'a key that is not text'],
  ['cbor', 'a tagged key', '81 a1 c0 61 61 01', 'a key that is not text'],
  ['cbor', 'an integer as a later key of an open dict', '81 bf 61 61 01 02 03 ff', 'a key that is not text'],
];

/** Arguments that end sessions of some client library, and what receivers on the same serializer get instead. */
export const REWRITTEN: readonly Unportable[] = [
  ['json', 'a lone high surrogate', String.raw`["\uD83Ea"]`, String.raw`["\ufffda"]`],
  ['json', 'a lone low surrogate as a key', String.raw`[{"\udc00":1}]`, String.raw`[{"\ufffd":1}]`],
  ['json', 'two high surrogates', String.raw`["\ud83e\ud83e\udd8a"]`, String.raw`["\ufffd\ud83e\udd8a"]`],
  ['msgpack', 'undefined as msgpackr writes it', '92 d4 00 00 a1 61', '92 c0 a1 61'],
  [
    'msgpack',
    'undefined in a dict',
    '91 82 a1 61 d4 00 00 a1 62 c4 03 d4 00 00',
    '91 82 a1 61 c0 a1 62 c4 03 d4 00 00',
  ],
  ['cbor', 'text in pieces', '81 7f 61 61 60 62 62 63 ff', '81 63 61 62 63'],
  ['cbor', 'bytes in pieces', '82 5f 41 01 41 02 ff 01', '82 42 01 02 01'],
  ['cbor', 'no pieces', '81 7f ff', '81 60'],
  ['cbor', 'a key in pieces', '81 a1 7f 61 61 ff 01', '81 a1 61 61 01'],
  ['cbor', 'an unknown tag', '81 d9 ff fe 01', '81 01'],
  ['cbor', 'a tag of eight bytes', '81 db ff ff ff ff ff ff ff ff 01', '81 01'],
  ['cbor', 'shared references', '81 d8 1c 81 d8 1d 00', '81 81 00'],
  ['cbor', 'a set that is none', '81 d9 01 02 01', '81 01'],
  ['cbor', 'tags of tags', '81 d9 d9 f7 c0 01', '81 01'],
  ['cbor', 'a tag on an open list', '81 d9 ff fe 9f 01 ff', '81 9f 01 ff'],
  ['cbor', 'a bignum of text', '81 c2 61 61', '81 61 61'],
  ['cbor', 'a date of an integer', '81 c0 01', '81 01'],
  ['cbor', 'a date of any text', '81 c0 61 61', '81 61 61'],
  ['cbor', 'a time of text', '81 c1 61 61', '81 61 61'],
  ['cbor', 'a time of NaN', '81 c1 f9 7e 00', '81 f9 7e 00'],
  ['cbor', 'a time beyond the year 9999', '81 c1 1b ff ff ff ff ff ff ff ff', '81 1b ff ff ff ff ff ff ff ff'],
];

/** A message of these elements and Arguments as they are written above. */
export function messageWith(serializer: SerializerId, header: readonly Spelled[], args: string): Uint8Array {
  const start = spell(serializer, [...header, null], chooser([]));
  if (serializer === 'json') return Buffer.from(start.toString().replace(/null\]$/, `${args}]`));
  return Buffer.concat([start.subarray(0, -1), Buffer.from(args.replaceAll(' ', ''), 'hex')]);
}
