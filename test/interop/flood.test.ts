import { afterEach, describe, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from '../../src/wamp/codes.js';
import { GantryProcess } from '../support/gantry-process.js';
import { ALL_ROLES, RawClient } from '../support/raw-client.js';
import { maskedFrame, RawSocket } from '../support/raw-socket.js';

const running: GantryProcess[] = [];
const clients: { drop(): void }[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.drop();
  for (const router of running) router.signal('SIGKILL');
  for (const { exit } of running.splice(0)) await exit;
});

interface Router {
  readonly url: string;
  metric(name: string): Promise<number>;
}

/** A process of its own, so that clients go on sending while it is busy. */
async function start(...words: readonly string[]): Promise<Router> {
  const router = new GantryProcess(['--port', '0', '--ops-port', '0', ...words]);
  running.push(router);
  const url = await router.ready();
  const [, operations = ''] = await router.printed('stdout', /operations +(\S+)/);
  const metric = async (name: string): Promise<number> => {
    const page = await (await fetch(new URL('/metrics', operations))).text();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1]);
  };
  return { url, metric };
}

async function joinRaw(url: string): Promise<RawSocket> {
  const socket = await RawSocket.open(url, 'wamp.2.json');
  clients.push(socket);
  socket.write(frame([Code.HELLO, 'realm1', { roles: ALL_ROLES }]));
  await socket.receiveFrame();
  return socket;
}

function frame(message: unknown[]): Buffer {
  return maskedFrame('json', Buffer.from(JSON.stringify(message)));
}

describe('clients that send more than a node can handle (G11)', { timeout: 120_000 }, () => {
  const publication = frame([Code.PUBLISH, 1, {}, 'com.example.topic', [1]]);
  const block = Buffer.concat(Array<Buffer>(2_000).fill(publication));

  it('get a small receive buffer while they flood, nobody else does, and none is closed', async () => {
    const router = await start();
    const innocent = await RawClient.join(router.url);
    clients.push(innocent);
    const flooders = await Promise.all(Array.from({ length: 8 }, () => joinRaw(router.url)));
    let isOver = false;
    const floods = flooders.map(async (flooder) => {
      while (!isOver) await flooder.flood(block, 100);
    });
    while ((await router.metric('gantry_narrowed_connections')) < flooders.length) await sleep(50);
    await innocent.publishAcknowledged('com.example.innocent');
    expect(await router.metric('gantry_narrowed_connections')).toBe(flooders.length);
    isOver = true;
    await Promise.all(floods);
    while ((await router.metric('gantry_narrowed_connections')) > 0) await sleep(50);
    expect(await router.metric('gantry_connections')).toBe(flooders.length + 1);
  });

  it('a publisher that is quicker than its fan-out is slowed down and not closed, and loses nothing', async () => {
    const router = await start();
    const subscribers = await Promise.all(Array.from({ length: 100 }, () => RawClient.join(router.url)));
    clients.push(...subscribers);
    for (const subscriber of subscribers) await subscriber.subscribe('com.example.topic');
    const publisher = await joinRaw(router.url);
    // The node looks at every subscriber, and sends nothing that the test would have to read.
    const unseen = frame([Code.PUBLISH, 1, { eligible: [1] }, 'com.example.topic']);
    const count = 200_000;
    await publisher.drained(Buffer.concat(Array<Buffer>(count).fill(unseen)));
    publisher.write(frame([Code.PUBLISH, 2, { acknowledge: true }, 'com.example.topic']));
    let answer = await publisher.receiveFrame();
    while (answer?.length === 0) answer = await publisher.receiveFrame();
    expect(JSON.parse(String(answer))).toMatchObject({ 0: Code.PUBLISHED, 1: 2 });
    expect(await router.metric('gantry_messages_received_total\\{type="PUBLISH"\\}')).toBe(count + 1);
  });
});
