import { describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import type { SerializerId } from '../../src/wamp/payload.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { cleanups, startCluster } from '../support/cluster.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { expectAbort } from '../support/endings.js';
import { exactly } from '../support/exact.js';
import { RawClient } from '../support/raw-client.js';
import { wire } from '../support/wire.js';

const SERIALIZERS = ['json', 'msgpack', 'cbor'] as const;
const TOPIC = 'com.example.topic';
const PROCEDURE = 'com.example.procedure';

const bytes = (...values: number[]) => new Uint8Array(values);
const ARGS = [
  null,
  true,
  false,
  [0, 1, 23, 24, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER],
  [-1, -24, -25, -128, -129, -32_769, -(2 ** 31) - 1, -Number.MAX_SAFE_INTEGER],
  [1.5, -0.1, 1e-7, 5e-324, 1.7976931348623157e308, Math.PI],
  [
    '',
    'plain',
    'é ü ß',
    '日本語',
    '😀',
    '\u0001\t\n"\\/',
    'in\u0000side',
    'x'.repeat(31),
    'é'.repeat(200),
    'x'.repeat(70_000),
  ],
  [[], {}, [[[[]]]], { '': { '': '' } }],
  bytes(),
  [bytes(0), [bytes(1, 2, 255), { deep: [bytes(9), { deeper: bytes(...new Uint8Array(300).fill(7)) }] }]],
];
const KWARGS = { bytes: bytes(1, 2, 3), ключ: { nested: [bytes(4), null] }, __proto: 'x', constructor: 1, list: [{}] };

describeConformance('transcoding between serializers', (router) => {
  it('brings an event to every serializer unchanged, bytes at every level included (SER-1, SER-2, SER-3)', async () => {
    const publisher = await router().join();
    const subscribers = await joinEach(router());
    for (const subscriber of subscribers) await subscriber.subscribe(TOPIC);
    publisher.publish(TOPIC, ARGS, {}, KWARGS);
    for (const subscriber of subscribers) {
      const [, , , details, args, kwargs] = await subscriber.expect(Code.EVENT);
      expect(details).toEqual({});
      expect(args).toEqual(ARGS);
      expect(kwargs).toEqual(KWARGS);
    }
  });

  it('brings a call, its result and its error through every serializer unchanged (SER-1, SER-3, DLR-7)', async () => {
    const caller = await router().join();
    for (const callee of await joinEach(router())) {
      const procedure = `${PROCEDURE}.${callee.serializer.id}`;
      await callee.register(procedure);
      for (const answer of [
        (invocation: unknown) => [Code.YIELD, invocation, {}, ARGS, KWARGS],
        (invocation: unknown) => [Code.ERROR, Code.INVOCATION, invocation, {}, 'com.example.error', ARGS, KWARGS],
      ]) {
        const request = caller.call(procedure, ARGS, {}, KWARGS);
        const [, invocation, , , args, kwargs] = await callee.expect(Code.INVOCATION);
        expect([args, kwargs]).toEqual([ARGS, KWARGS]);
        callee.send(answer(invocation));
        const reply = await caller.receive();
        expect(reply.slice(-2)).toEqual([ARGS, KWARGS]);
        expect(reply.slice(0, -2)).toEqual(
          reply[0] === Code.RESULT
            ? [Code.RESULT, request, {}]
            : [Code.ERROR, Code.CALL, request, {}, 'com.example.error'],
        );
      }
    }
  });

  it.each([
    ['nothing', []],
    ['an empty list', [[]]],
    ['keywords alone', [[], { a: 1 }]],
    ['an empty list and no keywords', [[], {}]],
  ])('keeps a payload of %s what it is (MSG-8, BRK-9)', async (_what, payload) => {
    const publisher = await router().join();
    const subscribers = await joinEach(router());
    for (const subscriber of subscribers) await subscriber.subscribe(TOPIC);
    publisher.request(Code.PUBLISH, {}, TOPIC, ...payload);
    for (const subscriber of subscribers) expect((await subscriber.expect(Code.EVENT)).slice(4)).toEqual(payload);
  });

  it('keeps integers exact beyond 2^53 (SER-6)', async () => {
    const numbers = [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 64n - 1n, -(2n ** 53n) - 1n, -(2n ** 63n)];
    const publisher = await router().join();
    const subscribers = await joinEach(router());
    for (const subscriber of subscribers) await subscriber.subscribe(TOPIC);
    publisher.sendBytes(
      exactly[router().serializer].encode([Code.PUBLISH, publisher.nextRequest(), {}, TOPIC, numbers].map(asInteger)),
    );
    for (const subscriber of subscribers) {
      const event = exactly[subscriber.serializer.id].decode(await subscriber.receiveBytes()) as unknown[];
      expect((event[4] as bigint[]).map(BigInt)).toEqual(numbers);
    }
  });

  it('keeps floats with an integral value floats (MSG-10)', async () => {
    const publisher = await router().join();
    const subscribers = await joinEach(router());
    for (const subscriber of subscribers) await subscriber.subscribe('t');
    publisher.sendBytes(
      wire(router().serializer, {
        json: '[16,1,{},"t",[1.0]]',
        msgpack: '95 10 01 80 a174 91 cb3ff0000000000000',
        cbor: '85 10 01 a0 6174 81 fb3ff0000000000000',
      }),
    );
    const floats = {
      json: /\[1\.0\]\]$/,
      msgpack: /91(cb3ff0000000000000|ca3f800000)$/,
      cbor: /81(fb3ff0000000000000|f93c00|fa3f800000)$/,
    };
    for (const subscriber of subscribers) {
      const received = await subscriber.receiveBytes();
      const { id } = subscriber.serializer;
      expect(received.toString(id === 'json' ? 'utf8' : 'hex')).toMatch(floats[id]);
    }
  });

  it('passes a payload on byte for byte where the serializer is the same (SER-5, G4)', async () => {
    const publisher = await router().join();
    const subscriber = await router().join();
    await subscriber.subscribe('t');
    const payload = wire(router().serializer, {
      json: '[ 1.0 ,{"a":1 , "a":2},1e2, "\\u00e9\\/\\u0000x" ] , {"k" : [ ]}',
      msgpack: 'dc0003 cf0000000000000001 d90161 82 a161 01 a161 02 de0001 a16b dd00000000',
      cbor: '9f 1b0000000000000001 7801 61 a2 6161 01 6161 02 c1 f93c00 ff bf 616b 9f ff ff',
    });
    const head = wire(router().serializer, {
      json: '[16,1,{},"t",',
      msgpack: '96 10 01 80 a174',
      cbor: '86 10 01 a0 6174',
    });
    publisher.sendBytes(Buffer.concat([head, payload, Buffer.from(router().serializer === 'json' ? ']' : '')]));
    expect((await subscriber.receiveBytes()).includes(payload)).toBe(true);
  });

  it('lets the last of equal keys win, in options and where it transcodes (SER-4)', async () => {
    const publisher = await router().join();
    const other = await router().join({ serializer: otherThan(router().serializer) });
    await other.subscribe('t');
    publisher.sendBytes(
      wire(router().serializer, {
        json: '[16,1,{"acknowledge":false,"acknowledge":true},"t",[{"a":1,"a":2}]]',
        msgpack: `95 10 01 82 ${msgpackText('acknowledge')} c2 ${msgpackText('acknowledge')} c3 a174 91 82 a161 01 a161 02`,
        cbor: `85 10 01 a2 ${cborText('acknowledge')} f4 ${cborText('acknowledge')} f5 6174 81 a2 6161 01 6161 02`,
      }),
    );
    await publisher.expect(Code.PUBLISHED);
    expect((await other.expect(Code.EVENT))[4]).toEqual([{ a: 2 }]);
  });
});

/** A message that begins with `heads` and has a payload that one serializer can represent and another cannot. */
function unrepresentable(serializer: SerializerId, heads: Readonly<Record<SerializerId, string>>): Buffer {
  return wire(serializer, {
    json: `${heads.json}[{"deep":[100000000000000000001]}]]`,
    msgpack: `${heads.msgpack} 91 81 a464656570 91 cb7ff8000000000000`,
    cbor: `${heads.cbor} 81 a1 6464656570 81 f97e00`,
  });
}

describeConformance('payloads that cannot be represented in another serializer (SER-6)', (router) => {
  it('drops an event for those who cannot have it, counts it, and gives it to the others (G4)', async () => {
    const publisher = await router().join();
    const able = await router().join();
    const unable = await router().join({ serializer: otherThan(router().serializer) });
    for (const subscriber of [able, unable]) await subscriber.subscribe('t');
    const dropped = router().counted(({ eventsDropped }) => eventsDropped.untranscodable);
    publisher.sendBytes(
      unrepresentable(router().serializer, {
        json: '[16,1,{},"t",',
        msgpack: '95 10 01 80 a174',
        cbor: '85 10 01 a0 6174',
      }),
    );
    await able.expect(Code.EVENT);
    publisher.nextRequest();
    publisher.publish('t', ['after']);
    for (const subscriber of [able, unable]) expect((await subscriber.expect(Code.EVENT))[4]).toEqual(['after']);
    expect(router().counted(({ eventsDropped }) => eventsDropped.untranscodable)).toBe(dropped + 1);
    expect(await publisher.fence()).toEqual([]);
  });

  it('answers a call whose arguments its callee cannot have, and leaves no hole in the ids of the callee (G3, ID-4)', async () => {
    const caller = await router().join();
    const callee = await router().join({ serializer: otherThan(router().serializer) });
    await callee.register('p');
    caller.sendBytes(
      unrepresentable(router().serializer, {
        json: '[48,1,{},"p",',
        msgpack: '95 30 01 80 a170',
        cbor: '85 1830 01 a0 6170',
      }),
    );
    const [code, type, request, , error, args] = await caller.receive();
    expect([code, type, request, error]).toEqual([Code.ERROR, Code.CALL, 1, ErrorUri.INVALID_ARGUMENT]);
    expect(args).toEqual([expect.stringContaining(callee.serializer.id)]);
    caller.nextRequest();
    caller.call('p');
    expect((await callee.expect(Code.INVOCATION))[1]).toBe(1);
  });

  it('answers a caller that cannot have the result, and one that cannot have the payload of an error (G3, DLR-8)', async () => {
    const callee = await router().join();
    const caller = await router().join({ serializer: otherThan(router().serializer) });
    await callee.register('p');
    const first = caller.call('p');
    await callee.expect(Code.INVOCATION);
    callee.sendBytes(
      unrepresentable(router().serializer, { json: '[70,1,{},', msgpack: '94 46 01 80', cbor: '84 1846 01 a0' }),
    );
    expect((await caller.receive()).slice(0, 5)).toEqual([Code.ERROR, Code.CALL, first, {}, ErrorUri.INVALID_ARGUMENT]);

    const second = caller.call('p');
    await callee.expect(Code.INVOCATION);
    callee.sendBytes(
      unrepresentable(router().serializer, {
        json: '[8,68,2,{},"a.b",',
        msgpack: '96 08 44 02 80 a3612e62',
        cbor: '86 08 1844 02 a0 63612e62',
      }),
    );
    expect(await caller.receive()).toEqual([
      Code.ERROR,
      Code.CALL,
      second,
      {},
      'a.b',
      [expect.stringContaining('lost')],
    ]);
    expect(await caller.fence()).toEqual([]);
    expect(await callee.fence()).toEqual([]);
  });
});

describe('what JSON has no word for (SER-6)', () => {
  const onCleanup = cleanups();

  it.each<readonly [string, SerializerId, string, unknown]>([
    ['a tag of CBOR is dropped, its content kept', 'cbor', '81 d8 20 6161', ['a']],
    ['undefined of CBOR is null', 'cbor', '81 f7', [null]],
    ['a bignum of CBOR is an integer', 'cbor', '81 c2 43 010000', [65_536]],
    ['a timestamp of MessagePack is text', 'msgpack', '91 d6ff 00000000', ['1970-01-01T00:00:00Z']],
  ])('%s', async (_what, serializer, payload, expected) => {
    const cluster = await startCluster(1);
    onCleanup(() => cluster.stop());
    const publisher = await RawClient.join(cluster.url(0), { serializer });
    const subscriber = await RawClient.join(cluster.url(0));
    onCleanup(() => [publisher, subscriber].forEach((client) => client.drop()));
    await subscriber.subscribe('t');
    const head = { json: '', msgpack: '95 10 01 80 a174', cbor: '85 10 01 a0 6174' }[serializer];
    publisher.sendBytes(wire(serializer, { json: '', msgpack: head + payload, cbor: head + payload }));
    expect((await subscriber.expect(Code.EVENT))[4]).toEqual(expected);
  });
});

describeConformance('batched sub-protocols', (router) => {
  it('takes several messages in one WebSocket message, in order, and answers them in one (BAT-1, BAT-2, BAT-4)', async () => {
    const client = await router().join({ isBatched: true });
    const frames = client.frameCount;
    const requests = Array.from({ length: 10 }, () => client.nextRequest());
    client.sendBatch(requests.map((request) => [Code.PUBLISH, request, { acknowledge: true }, TOPIC, [request]]));
    for (const request of requests) expect((await client.expect(Code.PUBLISHED))[1]).toBe(request);
    expect(client.frameCount).toBe(frames + 1);
  });

  it('ends a session and opens another within one batch (BAT-3, SES-14)', async () => {
    const client = await router().join({ isBatched: true });
    client.sendBatch([
      [Code.CALL, 1, {}, 'com.example.nothing'],
      [Code.GOODBYE, {}, 'wamp.close.normal'],
      [Code.HELLO, 'realm1', { roles: { caller: {} } }],
    ]);
    for (const code of [Code.ERROR, Code.GOODBYE, Code.WELCOME]) await client.expect(code);
  });

  it('works between batched and unbatched sessions of all serializers, in order (BAT-4, ORD-1)', async () => {
    const publisher = await router().join({ isBatched: true });
    const subscribers = [...(await joinEach(router(), true)), ...(await joinEach(router()))];
    for (const subscriber of subscribers) await subscriber.subscribe(TOPIC);
    const events = Array.from({ length: 30 }, (_, index) => index);
    publisher.sendBatch(
      events.map((event) => [Code.PUBLISH, publisher.nextRequest(), {}, TOPIC, [event, bytes(event)]]),
    );
    for (const subscriber of subscribers) {
      const frames = subscriber.frameCount;
      for (const event of events) expect((await subscriber.expect(Code.EVENT))[4]).toEqual([event, bytes(event)]);
      expect(subscriber.frameCount - frames).toBeLessThanOrEqual(events.length);
    }
  });

  it.each<readonly [string, Readonly<Record<SerializerId, string>>, RegExp]>([
    ['an empty batch (BAT-3, PV-12)', { json: '', msgpack: '', cbor: '' }, /empty batch/],
    ['an empty message', { json: '\u001e', msgpack: '00000000', cbor: '00000000' }, /empty message/],
    ['a batch cut off', { json: '[99]', msgpack: '00000005 91', cbor: '00000005 81' }, /batch, byte \d+/],
    ['a length cut off', { json: '[1]\u001e[', msgpack: '000000', cbor: '0000' }, /byte \d+|HELLO must/],
    ['a huge length', { json: '[', msgpack: 'ffffffff 91', cbor: 'ffffffff 81' }, /batch, byte \d+/],
  ])('fails the transport for %s', async (_what, forms, complaint) => {
    const offender = await router().join({ isBatched: true });
    const bystander = await router().join();
    await offender.register(PROCEDURE);
    offender.sendFrame(wire(router().serializer, forms), router().serializer !== 'json');
    expect(await expectAbort(offender)).toMatch(complaint);
    await bystander.register(PROCEDURE);
  });
});

/** Joins a session of each serializer, on different nodes. */
async function joinEach(router: Router, isBatched = false): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (const serializer of SERIALIZERS) clients.push(await router.join({ serializer, isBatched }));
  return clients;
}

/** A serializer that cannot represent some payload of the other: JSON has no NaN, the others have no text that begins with U+0000 and is not Base64. */
function otherThan(serializer: SerializerId): SerializerId {
  return serializer === 'json' ? 'msgpack' : 'json';
}

function asInteger(element: unknown): unknown {
  return typeof element === 'number' ? BigInt(element) : element;
}

function msgpackText(text: string): string {
  return (0xa0 + text.length).toString(16) + Buffer.from(text).toString('hex');
}

function cborText(text: string): string {
  return (0x60 + text.length).toString(16) + Buffer.from(text).toString('hex');
}
