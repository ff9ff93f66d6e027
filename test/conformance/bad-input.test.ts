import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import type { SerializerId } from '../../src/wamp/payload.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { expectAbort, until } from '../support/endings.js';
import { mutated } from '../support/mutations.js';
import { joinOne, type RawClient } from '../support/raw-client.js';
import { frameOf, maskedFrame, RawSocket } from '../support/raw-socket.js';
import { serializers } from '../support/serializers.js';
import { wire } from '../support/wire.js';
import { withWitness } from '../support/witness.js';
import { CORPUS, HARMLESS, HELLO, mayBeAbort, VIOLATIONS } from './hostile-messages.js';

/** An ABORT names the message, the element, the rule or the place. */
const SAYS_WHAT = /byte \d+: .|[A-Z]{4,}|message|batch|realm|authmethods/;

describeConformance('mutated messages', (router) => {
  const encoded = (messages: readonly unknown[][]) =>
    messages.map((message) => serializers[router().serializer].encode(message));
  const isBinary = () => router().serializer !== 'json';

  it('end their session with an ABORT that gives the reason, or do no harm', async () => {
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

/** Sends each sample from a client of its own, while a witness makes calls; returns the end of each client. */
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

/** The end of a client: GOODBYE if its session is well, an ABORT with a reason, or the end of a WebSocket that had to end. */
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
    // Any other error means that the router neither answered nor ended the connection.
    if (!String(error).includes('the connection was closed')) throw error;
    expect(sent.some((frame) => mayEndInSilence(client.serializer.id, frame))).toBe(true);
    return 'cut';
  } finally {
    client.drop();
  }
}

/** ABORT gets no answer, and the WebSocket itself rejects text that is no UTF-8 (RFC 6455). */
function mayEndInSilence(serializer: SerializerId, frame: Uint8Array): boolean {
  return mayBeAbort(serializer, frame) || (serializer === 'json' && !isUtf8(frame));
}

function codeOf(router: Router, frame: Buffer | undefined): unknown {
  if (frame === undefined) return 'the connection ended';
  return (serializers[router.serializer].decode(frame) as unknown[])[0];
}

function gauge({ cluster }: Router, name: 'connections' | 'sessions'): number {
  return cluster.nodes.reduce((sum, { gauges }) => sum + gauges[name](), 0);
}
