import { Code } from '../../src/wamp/codes.js';
import type { SerializerId } from '../../src/wamp/payload.js';
import { ALL_ROLES, type Message } from '../support/raw-client.js';

export const HELLO = [Code.HELLO, 'realm1', { roles: ALL_ROLES, authmethods: ['anonymous'], agent: 'x' }];
/** One message of each kind that a client may send; the tests mutate them. */
export const CORPUS: readonly unknown[][] = [
  [
    Code.PUBLISH,
    1,
    { acknowledge: true, exclude: [1, 2 ** 50] },
    'com.example.topic',
    ['é', -5, 1.1, null],
    { k: [true] },
  ],
  [Code.PUBLISH, 1, { ppt_scheme: 'x_scheme', ppt_serializer: 'cbor' }, 'com.example.topic', [Buffer.from('bytes')]],
  [Code.SUBSCRIBE, 1, { match: 'wildcard' }, 'com..topic'],
  [Code.UNSUBSCRIBE, 1, 2 ** 52],
  [Code.REGISTER, 1, { invoke: 'roundrobin', concurrency: 3 }, 'com.example.procedure'],
  [Code.UNREGISTER, 1, 2 ** 52],
  [Code.CALL, 1, { timeout: 1_000, receive_progress: true }, 'com.example.procedure', [1, [2, [3]]], { a: { b: {} } }],
  [Code.CANCEL, 1, { mode: 'kill' }],
  [Code.YIELD, 1, { progress: true }, [1]],
  [Code.ERROR, Code.INVOCATION, 1, {}, 'com.example.error', ['why'], { code: 500 }],
  [Code.GOODBYE, { message: 'bye' }, 'wamp.close.normal'],
  [Code.AUTHENTICATE, 'signature', {}],
  HELLO,
];

/** Whether the bytes may have an ABORT in them, which gets no answer (SES-10). */
export function mayBeAbort(serializer: SerializerId, frame: Uint8Array): boolean {
  const bytes = Buffer.from(frame);
  if (serializer === 'json') return /\[\s*3\s*,/.test(bytes.toString());
  // The frame has a list of three to five elements, with its length in any form, whose first element is 3.
  return /([89][3-5]|9f|98..|99....|dc....|dd.{8})(cc|18|cd00|1900)?03/.test(bytes.toString('hex'));
}

type Hostile = readonly [what: string, forms: Readonly<Record<SerializerId, string>>, complaint: RegExp];

const levels = 100_000;
/** Messages that end their session with an ABORT. */
export const VIOLATIONS: readonly Hostile[] = [
  [
    'lists nested 100,000 deep in a payload',
    {
      json: `[16,1,{},"t",[${'['.repeat(levels)}`,
      msgpack: `95 10 01 80 a174 ${'91'.repeat(levels)}`,
      cbor: `85 10 01 a0 6174 ${'81'.repeat(levels)}`,
    },
    /byte \d+: lists and dicts nested deeper than 64/,
  ],
  [
    'dicts nested 100,000 deep in options',
    {
      json: `[32,1,${'{"a":'.repeat(levels)}`,
      msgpack: `94 20 01 ${'81a161'.repeat(levels)}`,
      cbor: `84 1820 01 ${'a16161'.repeat(levels)}`,
    },
    /byte \d+: lists and dicts nested deeper than 64/,
  ],
  [
    'a list that claims to be huge',
    { json: '[16', msgpack: 'dd ffffffff 10', cbor: '9b ffffffffffffffff 10' },
    /byte \d+: ./,
  ],
  [
    'a dict that claims to be huge',
    { json: '[32,1,{', msgpack: '94 20 01 df ffffffff', cbor: '84 1820 01 bb 001fffffffffffff' },
    /byte \d+: ./,
  ],
  [
    'text that claims to be huge',
    { json: '[32,1,{},"', msgpack: '94 20 01 80 db ffffffff', cbor: '84 1820 01 a0 7b 7fffffffffffffff' },
    /byte \d+: ./,
  ],
  [
    'bytes that claim to be huge',
    {
      json: '[16,1,{},"t",["\\u0000',
      msgpack: '95 10 01 80 a174 91 c6 ffffffff',
      cbor: '85 10 01 a0 6174 81 5b 0000000100000000',
    },
    /byte \d+: ./,
  ],
  [
    'a float for a type code',
    { json: '[16.0,1,{},"t"]', msgpack: '94 cb4030000000000000 01 80 a174', cbor: '84 fb4030000000000000 01 a0 6174' },
    /type code/,
  ],
  [
    'a float for an id',
    { json: '[34,1e0,5]', msgpack: '93 22 ca3f800000 05', cbor: '83 1822 f93c00 05' },
    /UNSUBSCRIBE\.Request must be an id/,
  ],
  [
    'an id beyond any number',
    {
      json: `[34,${'9'.repeat(400)},5]`,
      msgpack: '93 22 cfffffffffffffffff 05',
      cbor: `83 1822 c2 58 40 ${'ff'.repeat(64)} 05`,
    },
    /UNSUBSCRIBE\.Request must be an id/,
  ],
  [
    'a number beyond any id',
    { json: '[34,1e400,5]', msgpack: '93 22 cb7ff0000000000000 05', cbor: '83 1822 f97c00 05' },
    /UNSUBSCRIBE\.Request must be an id/,
  ],
  [
    'NaN for an id',
    { json: '[34,NaN,5]', msgpack: '93 22 cb7ff8000000000000 05', cbor: '83 1822 f97e00 05' },
    /byte \d+: .|UNSUBSCRIBE\.Request must be an id/,
  ],
  [
    'invalid text in a payload',
    { json: '[16,1,{},"t",["\\x"]]', msgpack: '95 10 01 80 a174 91 a2c328', cbor: '85 10 01 a0 6174 81 62c328' },
    /byte \d+: .*(escape|UTF-8)/,
  ],
  [
    'invalid text in a URI',
    { json: '[32,1,{},"\u0001"]', msgpack: '94 20 01 80 a2c328', cbor: '84 1820 01 a0 62c328' },
    /byte \d+: .*(control|UTF-8)/,
  ],
  [
    'a prototype for a dict',
    {
      json: '[32,1,{"__proto__":{"match":"exact"},"match":"__proto__"},"t"]',
      msgpack: '94 20 01 81 a56d61746368 a95f5f70726f746f5f5f a174',
      cbor: '84 1820 01 a1 656d61746368 695f5f70726f746f5f5f 6174',
    },
    /SUBSCRIBE\.Options\.match must be/,
  ],
];

/** Messages that must not harm any session. */
export const HARMLESS: readonly (readonly [what: string, message: Message | Readonly<Record<SerializerId, string>>])[] =
  [
    [
      'options named after what every object has',
      [
        Code.PUBLISH,
        1,
        { constructor: { prototype: {} }, hasOwnProperty: 1, toString: [], valueOf: null },
        'com.example.topic',
      ],
    ],
    [
      '__proto__ in options and payload',
      {
        json: '[16,1,{"__proto__":{"acknowledge":1,"polluted":1}},"t",[{"__proto__":{"polluted":1}}],{"__proto__":{"polluted":1}}]',
        // The router rejects it in a MessagePack payload, because msgpack5 would end its session.
        msgpack: '96 10 01 81 a95f5f70726f746f5f5f 81 a8706f6c6c75746564 01 a174 91 81 ab636f6e7374727563746f72 01 80',
        cbor: '86 10 01 a1 695f5f70726f746f5f5f a1 68706f6c6c75746564 01 6174 81 a1 695f5f70726f746f5f5f a1 68706f6c6c75746564 01 a0',
      },
    ],
    ['URIs named after what every object has', [Code.SUBSCRIBE, 1, {}, '__proto__.constructor']],
    [
      'audiences named after what every object has',
      [
        Code.PUBLISH,
        1,
        { eligible_authid: ['__proto__', 'constructor'], exclude_authrole: ['toString'] },
        'com.example.topic',
      ],
    ],
    [
      'equal keys',
      {
        json: '[16,1,{"acknowledge":1,"acknowledge":false},"t",[{"a":1,"a":2}]]',
        msgpack: '95 10 01 82 a161 01 a161 02 a174 91 82 a161 01 a161 02',
        cbor: '85 10 01 a2 6161 01 6161 02 6174 81 a2 6161 01 6161 02',
      },
    ],
    [
      'numbers beyond all bounds',
      {
        json: `[16,1,{"x_any":[1e400,-1e400,${'9'.repeat(5_000)}]},"t",[1e308,${'9'.repeat(309)},-0]]`,
        msgpack: '95 10 01 80 a174 94 cb7ff0000000000000 cbfff0000000000000 cb7ff8000000000000 cfffffffffffffffff',
        cbor: `85 10 01 a0 6174 82 f97c00 c2 59 0400 ${'ff'.repeat(1_024)}`,
      },
    ],
    [
      'half a surrogate pair in a payload',
      { json: '[16,1,{},"t",["\\ud800"]]', msgpack: '95 10 01 80 a174 91 a178', cbor: '85 10 01 a0 6174 81 6178' },
    ],
    [
      'an unknown option of 60,000 bytes',
      [Code.PUBLISH, 1, { [`x_${'k'.repeat(60_000)}`]: 'v'.repeat(60_000) }, 'com.example.topic'],
    ],
  ];
