import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Code } from '../../../src/wamp/codes.js';
import type { SerializerId } from '../../../src/wamp/payload.js';
import { CORPUS, HELLO, mayBeAbort } from '../../conformance/hostile-messages.js';
import { FUZZ_SEED, FuzzScene } from '../../support/fuzz-scene.js';
import { mutated } from '../../support/mutations.js';
import { RawHttp } from '../../support/raw-http.js';
import { rsFrame } from '../../support/rs-socket.js';
import { serializers } from '../../support/serializers.js';

const MAX_BYTES = 4_096;
/** Completes any handshake and any frame that the router accepts, and is then no frame: the router ends the connection. */
const TERMINATOR = Buffer.alloc(MAX_BYTES + 16, 0xff);
const TURNS = 10;
const IDS: readonly SerializerId[] = ['json', 'msgpack', 'cbor'];

interface Sample {
  readonly serializer: SerializerId;
  readonly stream: Buffer;
  /** Lengths of the writes, in turn. */
  readonly pieces: readonly number[];
}

const octets = (count: number) =>
  fc.uint8Array({ minLength: count, maxLength: count }).map((bytes) => Buffer.from(bytes));

/** A prefix with any bits and length, and a few bytes behind it. */
const anyFrame = fc.tuple(octets(4), fc.uint8Array({ maxLength: 12 })).map((parts) => Buffer.concat(parts));

/** Frames with a length that is wrong for their payload. */
const wrongLength = fc
  .tuple(fc.constantFrom(0, 1, 2), fc.integer({ min: 0, max: 2 * MAX_BYTES }), fc.uint8Array({ maxLength: 40 }))
  .map(([type, length, payload]) => {
    const frame = rsFrame(payload, type);
    frame.writeUIntBE(length, 1, 3);
    return frame;
  });

function streams(serializer: SerializerId): fc.Arbitrary<Sample> {
  const number = IDS.indexOf(serializer) + 1;
  const handshake = Buffer.of(0x7f, 0xf0 | number, 0, 0);
  const frames = CORPUS.map((message) => rsFrame(serializers[serializer].encode(message)));
  const [hello, goodbye] = [HELLO, [Code.GOODBYE, {}, 'wamp.close.normal']].map((message) =>
    rsFrame(serializers[serializer].encode(message)),
  );
  const pings = [rsFrame('', 1), rsFrame('ping', 1), rsFrame('p'.repeat(MAX_BYTES), 1), rsFrame('nobody asked', 2)];
  const opening = fc.oneof(
    { weight: 6, arbitrary: fc.constant(handshake) },
    { weight: 2, arbitrary: mutated([handshake]) },
    { weight: 1, arbitrary: octets(4) },
    { weight: 1, arbitrary: octets(3).map((rest) => Buffer.concat([Buffer.of(0x7f), rest])) },
  );
  const frame = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...frames, ...pings) },
    { weight: 3, arbitrary: mutated([...frames, ...pings]) },
    { weight: 1, arbitrary: wrongLength },
    { weight: 1, arbitrary: anyFrame },
  );
  const first = fc.oneof({ weight: 3, arbitrary: fc.constant([hello!]) }, { weight: 1, arbitrary: fc.constant([]) });
  const last = fc.constantFrom([], [goodbye!]);
  const cut = fc.oneof(
    { weight: 3, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
  );
  return fc.record({
    serializer: fc.constant(serializer),
    stream: fc
      .tuple(opening, first, fc.array(frame, { maxLength: 4 }), last, cut)
      .map(([start, session, rest, end, part]) => {
        const all = Buffer.concat([start, ...session, ...rest, ...end]);
        return all.subarray(0, Math.round(all.length * part));
      }),
    pieces: fc.array(fc.integer({ min: 1, max: 64 }), { maxLength: 6 }),
  });
}

let scene: FuzzScene;
beforeAll(async () => {
  scene = await FuzzScene.open({
    limits: { maxMessageBytes: MAX_BYTES },
    listeners: [{ type: 'rawsocket', port: 0 }],
  });
});
afterAll(() => scene.close());

describe(`RawSocket, whatever arrives (seed ${FUZZ_SEED})`, () => {
  it.each(IDS)('ends with an error code or an ABORT: %s (RS-1, RS-2, RS-5, RS-6)', async (serializer) => {
    const endings = new Map<string, number>();
    let node = 0;
    await scene.run(streams(serializer), 150, async (sample) => {
      const [url = ''] = scene.cluster.nodes[node++ % 2]!.addresses.listeners;
      const answer = await answerTo(Number(new URL(url.replace(/^rs/, 'http')).port), sample);
      const ending = endingOf(sample, answer);
      endings.set(ending, (endings.get(ending) ?? 0) + 1);
    });
    expect([...endings.keys()]).toEqual(expect.arrayContaining(['refused', 'none']));
  });
});

/** Everything that the router sends until it ends the connection. */
async function answerTo(port: number, { stream, pieces }: Sample): Promise<Buffer> {
  const client = new RawHttp(port);
  client.socket.setNoDelay(true);
  let at = 0;
  for (const length of pieces) {
    await new Promise<void>((resolve) => client.socket.write(stream.subarray(at, at + length), () => resolve()));
    at += length;
  }
  client.socket.write(stream.subarray(at));
  // The router, which runs in this process, mostly handles the messages before it reads the terminator.
  for (let turn = 0; turn < TURNS; turn++) await setImmediate();
  client.socket.write(TERMINATOR);
  return Buffer.from(await client.closed, 'latin1');
}

/** Checks the answer, and returns its kind. */
function endingOf({ serializer, stream }: Sample, answer: Buffer): string {
  const [magic, request = 0, ...reserved] = Buffer.concat([stream, TERMINATOR]).subarray(0, 4);
  const number = request & 0x0f;
  const refusal =
    magic !== 0x7f || number === 0
      ? ''
      : reserved.some((octet) => octet !== 0)
        ? '7f300000'
        : number > IDS.length
          ? '7f100000'
          : undefined;
  if (refusal !== undefined) {
    expect(answer.toString('hex')).toBe(refusal);
    return 'refused';
  }
  // 4,096 bytes, and the serializer of the client.
  expect(answer.subarray(0, 4).toString('hex')).toBe(`7f3${number}0000`);
  const codes = messagesIn(answer.subarray(4), IDS[number - 1]!);
  expect(codes.slice(0, -1)).not.toContain(Code.ABORT);
  // Behind GOODBYE there may be another session (SES-14).
  for (const [index, code] of codes.entries())
    if (codes[index - 1] === Code.GOODBYE) expect(code).toBeOneOf([Code.WELCOME, Code.ABORT]);
  if (codes.at(-1) !== Code.ABORT) expect(mayBeAbort(serializer, stream), `no ABORT: ${codes.join()}`).toBe(true);
  return codes.includes(Code.WELCOME) ? 'a session' : 'none';
}

/** Type codes of the messages in these frames, which must be complete. Checks that an ABORT has a reason. */
function messagesIn(bytes: Buffer, serializer: SerializerId): unknown[] {
  const codes: unknown[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const end = 4 + rest.readUIntBE(1, 3);
    expect(rest.length).toBeGreaterThanOrEqual(end);
    expect(rest[0]).toBeOneOf([0, 2]);
    if (rest[0] === 0) {
      const message = serializers[serializer].decode(rest.subarray(4, end)) as unknown[];
      codes.push(message[0]);
      if (message[0] === Code.ABORT) {
        expect(message[2]).toMatch(/^wamp\.error\./);
        expect((message[1] as { message: string }).message).not.toBe('');
      }
    }
    rest = rest.subarray(end);
  }
  return codes;
}
