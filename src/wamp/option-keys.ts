import { isCount, isDict, isPortableText, returnedId } from './dict.js';
import { violation, type Fault } from './faults.js';
import type { Dict } from './options.js';

/** The type of a known key. */
type KeyType =
  | 'bool'
  | 'string'
  | 'text'
  | 'count'
  | 'positive'
  | 'ids'
  | 'strings'
  | 'texts'
  | 'dict'
  | 'dicts'
  | 'match'
  | 'invoke'
  | 'mode'
  | 'enc_algo'
  | 'enc_serializer';

export type KnownKeys = ReadonlyMap<string, KeyType>;

/**
 * Checks every known key of a dict; unknown keys and null are passed over (MSG-5, MSG-6, MSG-7). Returns whether there
 * is more than booleans. `where` names the dict in the violation, for example `PUBLISH.Options`. O(keys).
 */
export function checkKeys(where: string, dict: Dict, known: KnownKeys): Fault | 'booleans' | 'more' {
  let seen: 'booleans' | 'more' = 'booleans';
  for (const key in dict) {
    const type = known.get(key);
    if (type === undefined) continue;
    const value = dict[key];
    if (value === null || value === undefined) continue;
    if (!FITS[type](value)) return violation(`${where}.${key} must be ${DESCRIPTIONS[type]}`);
    if (type !== 'bool') seen = 'more';
  }
  return seen;
}

/** These are forwarded, so that every client must be able to read them. */
const PASSTHRU = {
  ppt_scheme: 'text',
  ppt_serializer: 'text',
  ppt_cipher: 'text',
  ppt_keyid: 'text',
  enc_algo: 'enc_algo',
  enc_key: 'text',
  enc_serializer: 'enc_serializer',
} as const;

/** Keys that autobahn and its test vectors know beyond the specification. */
const LINK = { forward_for: 'dicts', transaction_hash: 'string' } as const;

/** Every key of rules 1.4 that a client may send, by the dict it belongs to. */
export const KnownKeys = {
  HELLO: keys({
    agent: 'string',
    authmethods: 'strings',
    authid: 'text',
    authrole: 'text',
    authextra: 'dict',
  }),
  GOODBYE: keys({ message: 'string' }),
  PUBLISH: keys({
    ...PASSTHRU,
    ...LINK,
    acknowledge: 'bool',
    exclude_me: 'bool',
    disclose_me: 'bool',
    exclude: 'ids',
    exclude_authid: 'texts',
    exclude_authrole: 'texts',
    eligible: 'ids',
    eligible_authid: 'texts',
    eligible_authrole: 'texts',
    retain: 'bool',
    rkey: 'string',
    x_acknowledged_delivery: 'bool',
  }),
  SUBSCRIBE: keys({ ...LINK, match: 'match', get_retained: 'bool', nkey: 'string' }),
  CALL: keys({
    ...PASSTHRU,
    ...LINK,
    timeout: 'count',
    receive_progress: 'bool',
    progress: 'bool',
    disclose_me: 'bool',
    rkey: 'string',
    runmode: 'string',
  }),
  CANCEL: keys({ ...LINK, mode: 'mode' }),
  REGISTER: keys({
    ...LINK,
    match: 'match',
    invoke: 'invoke',
    disclose_caller: 'bool',
    forward_timeout: 'bool',
    concurrency: 'positive',
    force_reregister: 'bool',
  }),
  YIELD: keys({ ...PASSTHRU, ...LINK, progress: 'bool' }),
  ERROR: keys({ ...PASSTHRU, ...LINK }),
} as const;

function keys(types: Readonly<Record<string, KeyType>>): KnownKeys {
  return new Map(Object.entries(types));
}

const DESCRIPTIONS: Readonly<Record<KeyType, string>> = {
  bool: 'a boolean',
  string: 'a string',
  text: 'a string of well-formed Unicode that does not begin with U+0000',
  count: 'a non-negative integer',
  positive: 'a positive integer',
  ids: 'a list of ids (integers from 1 to 2^53)',
  strings: 'a list of strings',
  texts: 'a list of strings of well-formed Unicode that do not begin with U+0000',
  dict: 'a dict',
  dicts: 'a list of dicts',
  match: '"exact", "prefix" or "wildcard"',
  invoke: '"single", "roundrobin", "random", "first" or "last"',
  mode: '"skip", "kill" or "killnowait"',
  enc_algo: '"cryptobox", "mqtt", "xbr" or "x_" and a name of a-z, 0-9 and "_"',
  enc_serializer: '"json", "msgpack", "cbor", "ubjson", "flatbuffers" or "x_" and a name of a-z, 0-9 and "_"',
};

const MATCHES: readonly unknown[] = ['exact', 'prefix', 'wildcard'];
const INVOKES: readonly unknown[] = ['single', 'roundrobin', 'random', 'first', 'last'];
const MODES: readonly unknown[] = ['skip', 'kill', 'killnowait'];
const ALGORITHMS: readonly unknown[] = ['cryptobox', 'mqtt', 'xbr'];
const SERIALIZERS: readonly unknown[] = ['json', 'msgpack', 'cbor', 'ubjson', 'flatbuffers'];
/** Custom names as autobahn-python accepts them; it ends its session over any other. */
const CUSTOM_NAME = /^x_(?:[a-z][0-9a-z_]+)?$/;

const isCustomName = (value: unknown): boolean => typeof value === 'string' && CUSTOM_NAME.test(value);
const isString = (value: unknown): boolean => typeof value === 'string';

const FITS: Readonly<Record<KeyType, (value: unknown) => boolean>> = {
  bool: (value) => typeof value === 'boolean',
  string: isString,
  text: isPortableText,
  count: isCount,
  positive: (value) => isCount(value) && value > 0,
  ids: (value) => Array.isArray(value) && value.every((id) => returnedId(id) !== undefined),
  strings: (value) => Array.isArray(value) && value.every(isString),
  texts: (value) => Array.isArray(value) && value.every(isPortableText),
  dict: isDict,
  dicts: (value) => Array.isArray(value) && value.every(isDict),
  match: (value) => MATCHES.includes(value),
  invoke: (value) => INVOKES.includes(value),
  mode: (value) => MODES.includes(value),
  enc_algo: (value) => ALGORITHMS.includes(value) || isCustomName(value),
  enc_serializer: (value) => SERIALIZERS.includes(value) || isCustomName(value),
};
