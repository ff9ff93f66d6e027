import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import type { SerializerId } from '../../src/wamp/payload.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { expectAbort, until } from '../support/endings.js';
import { mutated } from '../support/mutations.js';
import { ALL_ROLES, joinOne, type Message, type RawClient } from '../support/raw-client.js';
import { frameOf, maskedFrame, RawSocket } from '../support/raw-socket.js';
import { serializers } from '../support/serializers.js';
import { wire } from '../support/wire.js';

/** What a client may say, once: what is mutated. */
const HELLO = [Code.HELLO, 'realm1', { roles: ALL_ROLES, authmethods: ['anonymous'], agent: 'x' }];
const CORPUS: readonly unknown[][] = [
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

/** Names the message, the element, the rule or the place. */
const SAYS_WHAT = /byte \d+: .|[A-Z]{4,}|message|batch|realm|authmethods/;

describeConformance('mutated messages', (router) => {
  const encoded = (messages: readonly unknown[][]) =>
    messages.map((message) => serializers[router().serializer].encode(message));
  const isBinary = () => router().serializer !== 'json';

  it('end their session with an ABORT that says why, or do no harm', async () => {
    const several = fc.array(mutated(encoded(CORPUS)), { minLength: 1, maxLength: 3 });
    const verdicts = await fuzz(router(), several, 150, async (frames) => {
      const client = await router().join();
      for (const [index, frame] of frames.entries()) client.sendFragmented(frame, 1 + (index % 4));
      return client;
    });
    expect(verdicts.filter((verdict) => verdict === 'aborted').length).toBeGreaterThan(30);
  });

  it('come to no other end before there is a session', async () => {
    const verdicts = await fuzz(router(), mutated(encoded([HELLO])).map(alone), 80, async ([frame]) => {
      const client = await router().connect();
      client.sendBytes(frame!);
      return client;
    });
    expect(verdicts).toContain('aborted');
  });

  it('nor in batches', async () => {
    const batch = Buffer.concat(encoded(CORPUS.slice(0, 4)).map((message) => joinOne(router().serializer, message)));
    const verdicts = await fuzz(router(), mutated([batch]).map(alone), 80, async ([frame]) => {
      const client = await router().join({ isBatched: true });
      client.sendFrame(frame!, isBinary());
      return client;
    });
    expect(verdicts).toContain('aborted');
  });

  it('nor do bytes drawn at random', async () => {
    const verdicts = await fuzz(router(), fc.uint8Array({ maxLength: 40 }).map(alone), 80, async ([frame]) => {
      const client = await router().join();
      client.sendFrame(frame!, isBinary());
      return client;
    });
    expect(verdicts).not.toContain('well');
  });
});

type Hostile = readonly [what: string, forms: Readonly<Record<SerializerId, string>>, complaint: RegExp];

const levels = 100_000;
const VIOLATIONS: readonly Hostile[] = [
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
  ['a list said to be huge', { json: '[16', msgpack: 'dd ffffffff 10', cbor: '9b ffffffffffffffff 10' }, /byte \d+: ./],
  [
    'a dict said to be huge',
    { json: '[32,1,{', msgpack: '94 20 01 df ffffffff', cbor: '84 1820 01 bb 001fffffffffffff' },
    /byte \d+: ./,
  ],
  [
    'text said to be huge',
    { json: '[32,1,{},"', msgpack: '94 20 01 80 db ffffffff', cbor: '84 1820 01 a0 7b 7fffffffffffffff' },
    /byte \d+: ./,
  ],
  [
    'bytes said to be huge',
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

const HARMLESS: readonly (readonly [what: string, message: Message | Readonly<Record<SerializerId, string>>])[] = [
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
      // In a MessagePack payload it is refused: msgpack5 ends its session over it.
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

describeConformance('hostile messages', (router) => {
  it.each(VIOLATIONS)('%s: ABORT, and nothing else', async (_what, forms, complaint) => {
    const offender = await router().join();
    const bystander = await router().join();
    offender.sendBytes(wire(router().serializer, forms));
    expect(await expectAbort(offender)).toMatch(complaint);
    expect(await bystander.fence()).toEqual([]);
  });

  it.each(HARMLESS)('%s: no harm', async (_what, message) => {
    const others: RawClient[] = [];
    for (const serializer of ['json', 'msgpack', 'cbor'] as const) {
      const other = await router().join({ serializer });
      await other.subscribe('', { match: 'prefix' });
      others.push(other);
    }
    const sender = await router().join();
    sender.sendBytes(Array.isArray(message) ? sender.serializer.encode(message) : wire(router().serializer, message));
    const request = sender.nextRequest();
    const answers = await sender.fence();
    expect(answers.filter(([code, answered]) => code !== Code.SUBSCRIBED || answered !== request)).toEqual([]);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    sender.publish('com.example.after', [1]);
    for (const other of others) {
      while ((await other.receiveBytes()).indexOf('com.example.after') === -1);
    }
  });

  it('take no memory for what they only announce, nor for sessions that have gone', async () => {
    const [connections, sessions] = [gauge(router(), 'connections'), gauge(router(), 'sessions')];
    const before = process.memoryUsage();
    await withWitness(router(), async () => {
      for (let round = 0; round < 8; round++) {
        for (const [, forms] of VIOLATIONS.slice(2, 6)) {
          const offenders = await Promise.all([router().join(), router().join(), router().join()]);
          for (const offender of offenders) offender.sendBytes(wire(router().serializer, forms));
          await Promise.all(offenders.map((offender) => offender.closed));
        }
      }
    });
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(32 * 2 ** 20);
    expect(after.rss - before.rss).toBeLessThan(256 * 2 ** 20);
    await until(() => gauge(router(), 'sessions') <= sessions + 2 && gauge(router(), 'connections') <= connections + 2);
  });
});

describeConformance('TCP segments and WebSocket frames', (router) => {
  const encode = (message: unknown[]) =>
    maskedFrame(router().serializer, serializers[router().serializer].encode(message));

  it('may be cut anywhere and joined anyhow (WS-1)', async () => {
    for (const pieceBytes of [1, 3, 7, 64]) {
      const socket = await RawSocket.open(router().cluster.url(pieceBytes), `wamp.2.${router().serializer}`);
      await socket.writeSplit(encode([Code.HELLO, 'realm1', { roles: { publisher: {}, subscriber: {} } }]), pieceBytes);
      expect(codeOf(router(), await socket.receiveFrame())).toBe(Code.WELCOME);
      const requests = [1, 2, 3].map((request) =>
        encode([Code.PUBLISH, request, { acknowledge: true }, 'com.example.topic', ['é'.repeat(20)]]),
      );
      await socket.writeSplit(Buffer.concat(requests), pieceBytes);
      for (let request = 1; request <= 3; request++)
        expect(codeOf(router(), await socket.receiveFrame())).toBe(Code.PUBLISHED);
      socket.drop();
    }
  });

  it.each<readonly [string, () => Buffer]>([
    ['a frame without a mask', () => frameOf(0x81, Buffer.from('[1]'), false)],
    ['reserved bits', () => frameOf(0xf1, Buffer.from('[1]'))],
    ['an opcode that does not exist', () => frameOf(0x83, Buffer.from('[1]'))],
    ['a continuation of nothing', () => frameOf(0x80, Buffer.from('[1]'))],
    ['a long control frame', () => frameOf(0x89, Buffer.alloc(126))],
    ['a control frame in pieces', () => frameOf(0x09, Buffer.from('x'))],
    ['text that is no UTF-8', () => frameOf(0x81, Buffer.from([0xc3, 0x28]))],
    ['a length of 2^63', () => Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4])],
    ['a close frame of one byte', () => frameOf(0x88, Buffer.from([3]))],
  ])('%s: the connection ends, others go on', async (_what, frame) => {
    await withWitness(router(), async () => {
      const socket = await RawSocket.open(router().cluster.url(0), `wamp.2.${router().serializer}`);
      socket.write(Buffer.concat([frame(), encode(HELLO)]));
      await socket.closed;
    });
  });

  it('half a message keeps nobody waiting', async () => {
    await withWitness(router(), async () => {
      const sockets = await Promise.all(
        [0, 1, 2, 3].map((node) => RawSocket.open(router().cluster.url(node), `wamp.2.${router().serializer}`)),
      );
      for (const socket of sockets) socket.write(encode(HELLO).subarray(0, 20));
      await (await router().join()).fence();
      for (const socket of sockets) socket.drop();
    });
  });
});

/** Sends each sample by a client of its own, while a witness looks on; gives what became of them. */
async function fuzz(
  router: Router,
  samples: fc.Arbitrary<readonly Uint8Array[]>,
  numRuns: number,
  send: (frames: readonly Uint8Array[]) => Promise<RawClient>,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const judged = fc.asyncProperty(samples, async (frames) => {
    verdicts.push(await verdictOf(await send(frames), frames));
  });
  await withWitness(router, () => fc.assert(judged, { numRuns }));
  return verdicts;
}

function alone(frame: Uint8Array): readonly Uint8Array[] {
  return [frame];
}

type Verdict = 'well' | 'aborted' | 'cut';

/** The router's last word: GOODBYE to one that is still well, an ABORT that says why, or the end of a WebSocket that had to end. */
async function verdictOf(client: RawClient, sent: readonly Uint8Array[]): Promise<Verdict> {
  client.send([Code.GOODBYE, {}, 'wamp.close.normal']);
  try {
    for (;;) {
      const message = await client.receive();
      if (message[0] === Code.GOODBYE) return 'well';
      if (message[0] !== Code.ABORT) continue;
      expect(message[2]).toMatch(/^wamp\.error\./);
      expect((message[1] as { message: string }).message).toMatch(SAYS_WHAT);
      return 'aborted';
    }
  } catch (error) {
    // Neither an answer nor an end would be a hang.
    if (!String(error).includes('the connection was closed')) throw error;
    expect(sent.some((frame) => mayEndInSilence(client.serializer.id, frame))).toBe(true);
    return 'cut';
  } finally {
    client.drop();
  }
}

/** ABORT gets no answer (SES-10), and text that is no UTF-8 is the WebSocket's business (RFC 6455). */
function mayEndInSilence(serializer: SerializerId, frame: Uint8Array): boolean {
  const bytes = Buffer.from(frame);
  if (serializer === 'json') return !isUtf8(bytes) || /\[\s*3\s*,/.test(bytes.toString());
  // A list of three to five elements, however its length is written, with 3 at its head.
  return /([89][3-5]|9f|98..|99....|dc....|dd.{8})(cc|18|cd00|1900)?03/.test(bytes.toString('hex'));
}

/** A session that keeps calling another on the next node while `act` runs: each of its calls gets its result. */
async function withWitness(router: Router, act: () => Promise<unknown>): Promise<void> {
  const callee = await router.joinAt(0);
  const caller = await router.joinAt(1);
  const procedure = `org.witness.n${caller.session}`;
  await callee.register(procedure);
  const end = new AbortController();
  let callCount = 0;
  const calling = (async () => {
    do {
      const request = caller.call(procedure, [++callCount]);
      const [, invocation, , , args] = await callee.expect(Code.INVOCATION);
      callee.send([Code.YIELD, invocation, {}, args]);
      expect(await caller.receive()).toEqual([Code.RESULT, request, {}, [callCount]]);
      await new Promise((resolve) => setImmediate(resolve));
    } while (!end.signal.aborted);
  })();
  try {
    await act();
  } finally {
    end.abort();
    await calling;
  }
  expect(callCount).toBeGreaterThan(0);
}

function codeOf(router: Router, frame: Buffer | undefined): unknown {
  if (frame === undefined) return 'the connection ended';
  return (serializers[router.serializer].decode(frame) as unknown[])[0];
}

function gauge({ cluster }: Router, name: 'connections' | 'sessions'): number {
  return cluster.nodes.reduce((sum, { gauges }) => sum + gauges[name](), 0);
}
