import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { UwsScene } from '../../support/uws-scene.js';

const UPGRADE =
  'GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n';
const TEXT_FRAME = Buffer.from([0x81, 0x82, 1, 2, 3, 4, 0x5b ^ 1, 0x5d ^ 2]);
const NOTHING = Buffer.alloc(0);
/** What is sent as it is, and what is mutated. */
const SEEDS: readonly (readonly [intact: Buffer, mutable: Buffer])[] = [
  [NOTHING, Buffer.from(UPGRADE)],
  [Buffer.from(UPGRADE), Buffer.concat(Array.from({ length: 40 }, () => TEXT_FRAME))],
  [NOTHING, Buffer.from('HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET /ws HTTP/1.1\r\nHost: x\r\n\r\n')],
  [NOTHING, Buffer.from('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde')],
  [NOTHING, Buffer.from('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n')],
];

let scene: UwsScene;
beforeAll(async () => {
  scene = await UwsScene.open({ maxMessageBytes: 1_024 });
});
afterAll(() => scene.close());

it('survives whatever an unknown client sends, and serves others on', async () => {
  const random = randomSource(20_240_607);
  const witness = await scene.connect();
  for (let round = 0; round < 300; round++) {
    const [intact, mutable] = SEEDS[round % SEEDS.length]!;
    await send(intact, mutated(mutable, random));
    witness.peer.send(String(round));
    await witness.listener.until(({ texts }) => texts.length === round + 1);
  }
  expect(witness.listener.texts.at(-1)).toBe('299');
  // Not all of it was refused at the door.
  expect(scene.counters.connectionsOpened.json).toBeGreaterThan(20);
  expect(scene.counters.violations.all).toBeGreaterThan(0);
});

/** Flips, cuts, repeats and inserts. */
function mutated(seed: Buffer, random: () => number): Buffer {
  const below = (bound: number) => Math.floor(random() * bound);
  const parts: Buffer[] = [];
  for (let pos = 0; pos < seed.length;) {
    const length = 1 + below(40);
    const part = Buffer.from(seed.subarray(pos, pos + length));
    pos += length;
    const action = below(24);
    if (action === 0) part[below(part.length)] = below(256);
    if (action === 1) parts.push(part);
    if (action === 2) parts.push(Buffer.from(Array.from({ length: below(30) }, () => below(256))));
    if (action !== 3) parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Sends the second after an answer to the first, if there is one. Resolves when the socket is gone. */
async function send(first: Buffer, second: Buffer): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = connect(scene.port, '127.0.0.1');
    if (first.length === 0) socket.end(second);
    else socket.write(first);
    socket.once('data', () => socket.end(second));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
  });
}

function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}
