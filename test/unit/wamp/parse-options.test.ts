import { describe, expect, it } from 'vitest';
import { FloatOnWire } from '../../../src/wamp/float-on-wire.js';
import {
  parseCallOptions,
  parseCancelOptions,
  parseErrorOptions,
  parsePublishOptions,
  parseRegisterOptions,
  parseSubscribeOptions,
  parseYieldOptions,
} from '../../../src/wamp/parse-options.js';
import { isFault } from '../../../src/wamp/faults.js';
import { NO_DETAILS } from '../../../src/wamp/options.js';
import { ListedIds } from '../../../src/wamp/session-ids.js';

type Kind = 'bool' | 'string' | 'text' | 'int' | 'positive' | 'ids' | 'texts' | 'dicts' | readonly string[];

const ppt: Record<string, Kind> = {
  ppt_scheme: 'text',
  ppt_serializer: 'text',
  ppt_cipher: 'text',
  ppt_keyid: 'text',
  enc_algo: ['cryptobox', 'mqtt', 'xbr', 'x_mine', 'x_'],
  enc_key: 'text',
  enc_serializer: ['json', 'msgpack', 'cbor', 'ubjson', 'flatbuffers', 'x_mine'],
};
const link: Record<string, Kind> = { forward_for: 'dicts', transaction_hash: 'string' };
const match: Kind = ['exact', 'prefix', 'wildcard'];

/** Rules 1.4, X-5 and X-12, written down a second time. */
const KNOWN: [name: string, parse: (options: unknown) => unknown, keys: Record<string, Kind>][] = [
  [
    'PUBLISH.Options',
    parsePublishOptions,
    {
      ...ppt,
      ...link,
      acknowledge: 'bool',
      exclude_me: 'bool',
      disclose_me: 'bool',
      retain: 'bool',
      x_acknowledged_delivery: 'bool',
      exclude: 'ids',
      eligible: 'ids',
      exclude_authid: 'texts',
      exclude_authrole: 'texts',
      eligible_authid: 'texts',
      eligible_authrole: 'texts',
      rkey: 'string',
    },
  ],
  [
    'CALL.Options',
    parseCallOptions,
    {
      ...ppt,
      ...link,
      timeout: 'int',
      receive_progress: 'bool',
      progress: 'bool',
      disclose_me: 'bool',
      rkey: 'string',
      runmode: 'string',
    },
  ],
  ['YIELD.Options', parseYieldOptions, { ...ppt, ...link, progress: 'bool' }],
  ['ERROR.Details', parseErrorOptions, { ...ppt, ...link }],
  ['SUBSCRIBE.Options', parseSubscribeOptions, { ...link, match, get_retained: 'bool', nkey: 'string' }],
  [
    'REGISTER.Options',
    parseRegisterOptions,
    {
      ...link,
      match,
      invoke: ['single', 'roundrobin', 'random', 'first', 'last'],
      disclose_caller: 'bool',
      forward_timeout: 'bool',
      force_reregister: 'bool',
      concurrency: 'positive',
    },
  ],
  ['CANCEL.Options', parseCancelOptions, { ...link, mode: ['skip', 'kill', 'killnowait'] }],
];

const VALUES: readonly [value: unknown, fits: (kind: Kind) => boolean][] = [
  [true, (kind) => kind === 'bool'],
  [false, (kind) => kind === 'bool'],
  [0, (kind) => kind === 'int'],
  [1, (kind) => kind === 'int' || kind === 'positive'],
  [-1, () => false],
  [1.5, () => false],
  [NaN, () => false],
  [2n ** 60n, () => false],
  [new FloatOnWire(1), () => false],
  ['', (kind) => kind === 'string' || kind === 'text'],
  ['invalid', (kind) => kind === 'string' || kind === 'text'],
  ['x_No name', (kind) => kind === 'string' || kind === 'text'],
  ['\u0000bytes in JSON', (kind) => kind === 'string'],
  ['lone \ud800', (kind) => kind === 'string'],
  [new Uint8Array([1]), () => false],
  [[], (kind) => kind === 'ids' || kind === 'texts' || kind === 'dicts'],
  [[1, 2 ** 53], (kind) => kind === 'ids'],
  [[1, 0], () => false],
  [[1, '2'], () => false],
  [[1, new FloatOnWire(2)], () => false],
  [['a', 'b'], (kind) => kind === 'texts'],
  [['a', '\u0000bytes in JSON'], () => false],
  [['lone \ud800'], () => false],
  [['a', null], () => false],
  [[{ session: 1 }], (kind) => kind === 'dicts'],
  [[{}, []], () => false],
  [{}, () => false],
];

describe.each(KNOWN)('%s', (name, parse, keys) => {
  it('has defaults when empty, and allocates none for them', () => {
    expect(parse(NO_DETAILS)).toBe(parse(NO_DETAILS));
    expect(parse({})).toEqual(parse(NO_DETAILS));
    expect(Object.isFrozen(parse(NO_DETAILS))).toBe(true);
  });

  it.each(Object.entries(keys))(
    'takes %s of the right type and names it in a violation otherwise (MSG-6)',
    (key, kind) => {
      for (const [value, fits] of VALUES) {
        const parsed = parse({ [key]: value });
        if (fits(kind)) expect(isFault(parsed), `${key}: ${String(value)}`).toBe(false);
        else {
          expect(parsed, `${key}: ${String(value)}`).toMatchObject({ error: 'wamp.error.protocol_violation' });
          expect((parsed as { message: string }).message).toContain(`${name}.${key} must be`);
        }
      }
      if (typeof kind !== 'string') for (const value of kind) expect(isFault(parse({ [key]: value }))).toBe(false);
    },
  );

  it.each(Object.keys(keys))('takes %s: null for absent (MSG-7)', (key) => {
    expect(parse({ [key]: null })).toEqual(parse(NO_DETAILS));
    expect(parse({ [key]: undefined })).toEqual(parse(NO_DETAILS));
  });

  it('ignores what it does not know, private and foreign keys alike (MSG-5, X-30)', () => {
    const unknown = { _mine: 1, x_mine: [], callee: 'x', Acknowledge: 1, '': {}, constructor: 1, toString: 2 };
    expect(parse(unknown)).toEqual(parse(NO_DETAILS));
    expect(parse({ trustlevel: 'a key of EVENT and INVOCATION' })).toEqual(parse(NO_DETAILS));
  });

  it('is not fooled by prototype keys', () => {
    const poisoned: unknown = JSON.parse(
      '{"__proto__": {"acknowledge": true, "match": "prefix", "progress": true, "mode": "kill", "ppt_scheme": "wamp"}}',
    );
    expect(parse(poisoned)).toEqual(parse(NO_DETAILS));
    const bare: unknown = Object.assign(Object.create(null) as object, { hasOwnProperty: 1 });
    expect(parse(bare)).toEqual(parse(NO_DETAILS));
  });

  it('refuses whatever is no dict', () => {
    for (const value of [null, undefined, 1, 'x', true, [], new Uint8Array(1), new FloatOnWire(1), new Map()]) {
      expect(parse(value)).toMatchObject({ message: `${name} must be a dict` });
    }
  });
});

describe('what the options mean', () => {
  it('publishes unacknowledged, without the publisher and anonymously by default', () => {
    expect(parsePublishOptions({})).toEqual({ acknowledge: false, excludeMe: true, discloseMe: false });
    expect(parsePublishOptions({ acknowledge: true, exclude_me: false, disclose_me: true })).toEqual({
      acknowledge: true,
      excludeMe: false,
      discloseMe: true,
    });
  });

  it('shares the options of messages that have only booleans', () => {
    expect(parsePublishOptions({ acknowledge: true })).toBe(parsePublishOptions({ acknowledge: true, x_any: 1 }));
    expect(parseCallOptions({ receive_progress: true })).toBe(parseCallOptions({ receive_progress: true }));
    expect(parseYieldOptions({ progress: true })).toBe(parseYieldOptions({ progress: true }));
  });

  it('keeps an empty list apart from an absent one (BWL-2)', () => {
    expect(parsePublishOptions({ eligible: [] })).toEqual({
      acknowledge: false,
      excludeMe: true,
      discloseMe: false,
      audience: { eligible: new ListedIds([]) },
    });
    expect(parsePublishOptions({ eligible: null })).not.toHaveProperty('audience');
  });

  it('reads all six lists (BWL-1)', () => {
    const options = {
      eligible: [1, new FloatOnWire(2 ** 40)],
      eligible_authid: ['a'],
      eligible_authrole: ['b'],
      exclude: [2, 2],
      exclude_authid: ['c'],
      exclude_authrole: ['d'],
    };
    expect(parsePublishOptions(options)).toMatchObject({
      audience: {
        eligible: new ListedIds([1, 2 ** 40]),
        eligibleAuthid: new Set(['a']),
        eligibleAuthrole: new Set(['b']),
        exclude: new ListedIds([2, 2]),
        excludeAuthid: new Set(['c']),
        excludeAuthrole: new Set(['d']),
      },
    });
  });

  it('reads the options of a call (TMO-1, PCR-1, PCI-1, CID-1)', () => {
    expect(parseCallOptions({})).toEqual({ timeoutMs: 0, receiveProgress: false, progress: false, discloseMe: false });
    expect(parseCallOptions({ timeout: 50, receive_progress: true, progress: true, disclose_me: true })).toEqual({
      timeoutMs: 50,
      receiveProgress: true,
      progress: true,
      discloseMe: true,
    });
  });

  it('reads the options of a registration (PBR-1, SHR-1, CID-3, TMO-3)', () => {
    expect(parseRegisterOptions({})).toEqual({
      match: 'exact',
      invoke: 'single',
      discloseCaller: false,
      forwardTimeout: false,
      forceReregister: false,
    });
    expect(
      parseRegisterOptions({
        match: 'wildcard',
        invoke: 'last',
        disclose_caller: true,
        forward_timeout: true,
        concurrency: 3,
        force_reregister: true,
      }),
    ).toEqual({
      match: 'wildcard',
      invoke: 'last',
      discloseCaller: true,
      forwardTimeout: true,
      concurrency: 3,
      forceReregister: true,
    });
  });

  it('subscribes exactly and cancels by killnowait when no option is there (CAN-4)', () => {
    expect(parseSubscribeOptions({})).toEqual({ match: 'exact' });
    expect(parseCancelOptions({})).toEqual({ mode: 'killnowait' });
  });

  it.each([
    ['PUBLISH', parsePublishOptions],
    ['CALL', parseCallOptions],
    ['YIELD', parseYieldOptions],
    ['ERROR', parseErrorOptions],
  ])('forwards exactly the passthru keys of %s (PPT-1, PPT-5)', (_name, parse) => {
    expect(
      parse({ ppt_scheme: 'x_any', ppt_serializer: 'cbor', ppt_keyid: null, enc_key: 'k', disclose_me: true }),
    ).toMatchObject({
      passthru: { form: 'ppt', details: { ppt_scheme: 'x_any', ppt_serializer: 'cbor' } },
    });
    const enc = parse({ enc_algo: 'xbr', enc_key: 'k', enc_serializer: 'json', ppt_keyid: 'i', other: 1 });
    expect((enc as { passthru: unknown }).passthru).toEqual({
      form: 'enc',
      details: { enc_algo: 'xbr', enc_key: 'k', enc_serializer: 'json' },
    });
    expect(parse({ ppt_scheme: '', ppt_cipher: 'c' })).not.toHaveProperty('passthru');
    expect(parse({ ppt_scheme: 'wamp', enc_algo: 'mqtt' })).toMatchObject({ kind: 'fault' });
  });
});
