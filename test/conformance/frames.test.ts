import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { cleanups, startCluster, type TestCluster } from '../support/cluster.js';
import { RawClient } from '../support/raw-client.js';
import { frameOf, RawSocket } from '../support/raw-socket.js';

const FIN = 0x80;
const [CONTINUATION, TEXT, CLOSE, PING, PONG] = [0, 1, 8, 9, 10];
const HELLO = Buffer.from('[1,"realm1",{"roles":{"publisher":{},"subscriber":{}}}]');
const onCleanup = cleanups();

async function startNode(): Promise<TestCluster> {
  const cluster = await startCluster(1);
  onCleanup(() => cluster.stop());
  return cluster;
}

async function open(cluster: TestCluster): Promise<RawSocket> {
  const socket = await RawSocket.open(cluster.url(0), 'wamp.2.json');
  socket.write(frameOf(FIN | TEXT, HELLO));
  expect(codeOf(await socket.receiveFrame())).toBe(Code.WELCOME);
  return socket;
}

function codeOf(frame: Buffer | undefined): unknown {
  return frame && (JSON.parse(frame.toString()) as unknown[])[0];
}

/** A message in frames, and what comes between them: nothing, pings and pongs. */
const anyLegal = fc.record({
  cuts: fc.array(fc.nat(60), { maxLength: 5 }),
  between: fc.array(fc.record({ isPing: fc.boolean(), size: fc.nat(125) }), { maxLength: 6 }),
});

function legalFrames(
  request: number,
  { cuts, between }: { cuts: readonly number[]; between: readonly { isPing: boolean; size: number }[] },
): { frames: Buffer[]; pings: Buffer[] } {
  const message = Buffer.from(`[16,${request},{"acknowledge":true},"com.example.topic",["é ${request}"]]`);
  const places = [0, ...cuts.map((cut) => cut % message.length).sort((a, b) => a - b), message.length];
  const frames: Buffer[] = [];
  const pings: Buffer[] = [];
  for (let part = 0; part + 1 < places.length; part++) {
    const isLast = part + 2 === places.length;
    const opcode = part === 0 ? TEXT : CONTINUATION;
    frames.push(frameOf((isLast ? FIN : 0) | opcode, message.subarray(places[part], places[part + 1])));
    const control = isLast ? undefined : between[part];
    if (control === undefined) continue;
    const body = Buffer.alloc(control.size, request);
    frames.push(frameOf(FIN | (control.isPing ? PING : PONG), body));
    if (control.isPing) pings.push(body);
  }
  return { frames, pings };
}

/** Any frame, allowed or not, and any bytes. */
const anyFrame = fc.oneof(
  fc
    .record({
      first: fc.oneof(fc.constantFrom(0x00, 0x01, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8a, 0x08, 0x09), fc.nat(255)),
      body: fc.oneof(
        fc.constantFrom(
          Buffer.from('[16,1,{},"a"]'),
          Buffer.from('[16,1,'),
          Buffer.from('{},"a"]'),
          Buffer.from([0x03, 0xe8]),
          Buffer.from([0x03, 0xed]),
          Buffer.from([0xff, 0xff, 0x80]),
          Buffer.from([0xc3]),
        ),
        fc.uint8Array({ maxLength: 130 }).map((bytes) => Buffer.from(bytes)),
      ),
      isMasked: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
    })
    .map(({ first, body, isMasked }) => frameOf(first, body, isMasked)),
  fc.uint8Array({ minLength: 1, maxLength: 14 }).map((bytes) => Buffer.from(bytes)),
);

describe('frames of a WebSocket in any order (RFC 6455, 5.4 and 5.5; WS-1)', () => {
  it('messages in fragments with control frames between them arrive whole and in order, and each ping has its pong', async () => {
    const cluster = await startNode();
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyLegal, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 200 }),
        async (scripts, pieceBytes) => {
          const socket = await open(cluster);
          const all = scripts.map((script, index) => legalFrames(index + 1, script));
          await socket.writeSplit(Buffer.concat(all.flatMap(({ frames }) => frames)), pieceBytes);
          // Pongs may overtake answers, which wait for the end of the turn.
          const pongs = all.flatMap(({ pings }) => pings);
          const requests = all.map((_, index) => index + 1);
          while (pongs.length + requests.length > 0) {
            const frame = (await socket.receiveFrame())!;
            if (frame.toString('latin1').startsWith('[17,')) {
              expect((JSON.parse(frame.toString()) as unknown[])[1]).toBe(requests.shift());
            } else expect(frame).toEqual(pongs.shift());
          }
          socket.write(frameOf(FIN | CLOSE, Buffer.from([0x03, 0xe8])));
          expect((await socket.receiveFrame())?.subarray(0, 2)).toEqual(Buffer.from([0x03, 0xe8]));
          await socket.closed;
        },
      ),
      { numRuns: 40 },
    );
  });

  it('any frames at all end at most their own connection', async () => {
    const cluster = await startNode();
    const witness = await RawClient.join(cluster.url(0));
    onCleanup(() => witness.drop());
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyFrame, { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 300 }),
        async (frames, isJoined, pieceBytes) => {
          const socket = isJoined ? await open(cluster) : await RawSocket.open(cluster.url(0), 'wamp.2.json');
          await socket.writeSplit(Buffer.concat(frames), pieceBytes);
          // A last close: it is answered, refused, or the rest of a frame that never ends; the socket goes in any case.
          socket.write(frameOf(FIN | CLOSE, Buffer.from([0x03, 0xe8])));
          await witness.publishAcknowledged('com.example.topic');
          socket.drop();
          await socket.closed;
        },
      ),
      { numRuns: 150 },
    );
    expect(await witness.fence()).toEqual([]);
    // Nothing of them is left: the witness is the only connection.
    const [node] = cluster.nodes;
    await expect.poll(() => connectionsOf(node!.counters)).toBe(1);
  });
});

/** Opened and not closed. */
function connectionsOf({ connectionsOpened, connectionsClosed }: TestCluster['nodes'][number]['counters']): number {
  const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);
  return sum(connectionsOpened) - sum(connectionsClosed);
}
