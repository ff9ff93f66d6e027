import { afterEach, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.js';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { ALL_ROLES, RawClient } from '../support/raw-client.js';
import { maskedFrame, frameOf, RawSocket } from '../support/raw-socket.js';

const PING = 0x89;

let cluster: TestCluster | undefined;
let clients: { drop(): void }[] = [];
afterEach(async () => {
  for (const client of clients) client.drop();
  clients = [];
  await cluster?.stop();
});

async function start(limits: ConfigInput['limits'], listen: ConfigInput['listen'] = {}): Promise<string> {
  cluster = await startCluster(1, { limits, listen });
  return cluster.nodes[0]!.addresses.ws;
}

async function join(url: string): Promise<RawClient> {
  const client = await RawClient.join(url);
  clients.push(client);
  return client;
}

async function openRaw(url: string): Promise<RawSocket> {
  const socket = await RawSocket.open(url, 'wamp.2.json');
  clients.push(socket);
  return socket;
}

function frame(message: unknown[]): Buffer {
  return maskedFrame('json', Buffer.from(JSON.stringify(message)));
}

/** The next message. Pings of the router are empty. */
async function receive(socket: RawSocket): Promise<unknown[]> {
  for (;;) {
    const bytes = await socket.receiveFrame();
    if (bytes === undefined) throw new Error('the connection was closed while a message was awaited');
    if (bytes.length > 0) return JSON.parse(bytes.toString()) as unknown[];
  }
}

async function joinRaw(url: string): Promise<RawSocket> {
  const socket = await openRaw(url);
  socket.write(frame([Code.HELLO, 'realm1', { roles: ALL_ROLES }]));
  expect((await receive(socket))[0]).toBe(Code.WELCOME);
  return socket;
}

describe('one client floods a node (G11)', () => {
  // Without a bound in the kernel, so that a turn reads as much as it can.
  it.each([0, 65_536])(
    'a burst of 100,000 tiny messages is answered in order, and others are served in between (receive buffer: %i)',
    { timeout: 120_000 },
    async (receiveBufferBytes) => {
      const count = 100_000;
      const roomy = 67_108_864;
      const url = await start(
        // The 13 MB of answers may all wait: this process may not get to read them before the last one is written.
        { maxInboxMessages: 1_000_000, maxInboxBytes: roomy, maxTotalInboxBytes: roomy, maxUnsentBytes: roomy },
        { receiveBufferBytes },
      );
      const innocent = await join(url);
      const handledCount = (): number => cluster!.nodes[0]!.counters.messagesIn[Code.UNSUBSCRIBE] ?? 0;
      const flooder = await joinRaw(url);
      flooder.write(
        Buffer.concat(Array.from({ length: count }, (_, index) => frame([Code.UNSUBSCRIBE, index + 1, 1]))),
      );
      expect(await receive(flooder)).toMatchObject({ 0: Code.ERROR, 2: 1, 4: ErrorUri.NO_SUCH_SUBSCRIPTION });
      for (let round = 1; round <= 3; round++) await innocent.publishAcknowledged('com.example.topic');
      expect(handledCount()).toBeLessThan(count);
      expect(cluster!.nodes[0]!.counters.messagesDeferred.all).toBeGreaterThan(0);
      for (let request = 2; request <= count; request++) {
        const [code, type, answered] = await receive(flooder);
        if (code !== Code.ERROR || type !== Code.UNSUBSCRIBE || answered !== request)
          throw new Error(`expected the answer to ${request}, got ${JSON.stringify([code, type, answered])}`);
      }
      expect(cluster!.nodes[0]!.gauges.inboxMessages()).toBe(0);
      expect(cluster!.nodes[0]!.gauges.inboxBytes()).toBe(0);
    },
  );

  it('what it sent takes effect although it hangs up at once', async () => {
    const url = await start({ turnBudgetMs: 1 });
    const subscriber = await join(url);
    await subscriber.subscribe('com.example.topic');
    const flooder = await joinRaw(url);
    const count = 10_000;
    const publications = Array.from({ length: count }, (_, index) =>
      frame([Code.PUBLISH, index + 1, {}, 'com.example.topic', [index]]),
    );
    flooder.write(Buffer.concat(publications));
    flooder.end();
    for (let index = 0; index < count; index++) expect((await subscriber.expect(Code.EVENT))[4]).toEqual([index]);
  });

  it('it is closed when more waits than may, and nobody else is', async () => {
    const url = await start({ maxInboxMessages: 100, turnBudgetMs: 1 }, { receiveBufferBytes: 0 });
    const innocent = await join(url);
    const flooder = await joinRaw(url);
    flooder.write(Buffer.concat(Array.from({ length: 50_000 }, (_, index) => frame([Code.UNSUBSCRIBE, index + 1, 1]))));
    await flooder.closed;
    const { counters } = cluster!.nodes[0]!;
    expect(counters.limitsReached.inbox).toBe(1);
    expect(counters.connectionsClosed.limit).toBe(1);
    await innocent.publishAcknowledged('com.example.topic');
  });

  it('it is closed when it sends more pings than may be', async () => {
    const url = await start({ maxPingsPerSecond: 10 }, { receiveBufferBytes: 0 });
    const innocent = await join(url);
    const flooder = await joinRaw(url);
    flooder.write(Buffer.concat(Array<Buffer>(100_000).fill(frameOf(PING, new Uint8Array(0)))));
    await flooder.closed;
    const { counters } = cluster!.nodes[0]!;
    expect(counters.limitsReached.pings_per_second).toBe(1);
    expect(counters.connectionsClosed.limit).toBe(1);
    await innocent.publishAcknowledged('com.example.topic');
  });
});
