import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { BackplaneUnavailableError } from '../../../../src/backplane/backplane.js';
import { startFaultProxy, type FaultProxy } from '../../../support/fault-proxy.js';
import { door, luaScripts, RecordedConnections } from '../../../support/redis-connections.js';
import { startRedis, type RedisServer } from '../../../support/redis.js';

const append = door('append.lua');
const scripts = luaScripts({ 'append.lua': "return redis.call('RPUSH', KEYS[1], ARGV[1])" });
const bytes = new Uint8Array([65]);

let redis: RedisServer;
let proxy: FaultProxy;
beforeAll(async () => {
  redis = await startRedis({ args: ['--client-output-buffer-limit', 'pubsub', '256kb', '256kb', '0'] });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  await redis.flushAll();
  proxy = await startFaultProxy(redis.port);
  onTestFinished(() => proxy.stop());
});

async function connected(): Promise<RecordedConnections> {
  const recorded = new RecordedConnections(proxy, scripts);
  await recorded.connections.start();
  await recorded.connections.subscribe('one');
  return recorded;
}

const list = async (): Promise<string[]> => (await redis.command('LRANGE', 'list', 0, -1)) as string[];

describe('a network', () => {
  it('that cuts all connections and refuses new ones is waited for', async () => {
    const recorded = await connected();
    await proxy.cut();
    await recorded.until(() => recorded.edges.length === 2);
    await expect(recorded.connections.publish('one', bytes)).rejects.toThrow(BackplaneUnavailableError);
    await proxy.heal();
    await recorded.connectedTimes(2);
    expect(await recorded.connections.publish('one', bytes)).toBe(1);
  });

  it.each(['to-store', 'to-node'] as const)('that loses all bytes %s is noticed by the next command', async (way) => {
    const recorded = await connected();
    proxy.blackhole(undefined, way);
    await expect(recorded.connections.publish('one', bytes)).rejects.toThrow(BackplaneUnavailableError);
    expect(recorded.edges).toEqual(['connected', 'disconnected bus']);
    expect(recorded.counters.storeErrors.timeout).toBe(1);
    // All three are dropped: what silenced one silences the others.
    expect(recorded.counters.connectionsLost).toEqual({ bus: 1, directory: 1, subscriber: 1 });
    await proxy.heal();
    await recorded.connectedTimes(2);
    expect(await recorded.connections.publish('one', bytes)).toBe(1);
    expect(await recorded.connections.run(append, { keys: ['list'], argv: [1] })).toBe(1);
  });

  it('that is slow delays everything and mixes nothing up', async () => {
    const recorded = await connected();
    proxy.delay(30);
    const texts = Array.from({ length: 20 }, (_, index) => `${index}`);
    const receipts = texts.map((text) => recorded.connections.publish('one', Buffer.from(text)));
    const appended = texts.map((text) => recorded.connections.run(append, { keys: ['list'], argv: [text] }));
    expect(await Promise.all(receipts)).toEqual(texts.map(() => 1));
    expect(await Promise.all(appended)).toEqual(texts.map((_, index) => index + 1));
    await recorded.until(() => recorded.messages.length === texts.length);
    expect(recorded.messages.map(([, text]) => text)).toEqual(texts);
    expect(recorded.edges).toEqual(['connected']);
  });

  it('that delivers late what was given up delivers it to nobody', async () => {
    const recorded = await connected();
    proxy.holdPresent('directory', 'to-store');
    const givenUp = recorded.connections.run(append, { keys: ['list'], argv: ['given up'] });
    await expect(givenUp).rejects.toThrow(BackplaneUnavailableError);
    await recorded.connectedTimes(2);
    expect(await recorded.connections.run(append, { keys: ['list'], argv: ['new'] })).toBe(1);
    await proxy.heal();
    // A fence: the store has read what came before it through the same proxy.
    const late = new RecordedConnections(proxy, scripts);
    await late.connections.start();
    expect(await late.connections.run(append, { keys: ['list'], argv: ['newer'] })).toBe(2);
    expect(await list()).toEqual(['new', 'newer']);
  });

  it('that keeps a dead subscriber open does not have it counted as a listener after the next one came', async () => {
    const recorded = await connected();
    proxy.holdPresent('subscriber');
    recorded.connections.reset('nothing arrives');
    await recorded.connectedTimes(2);
    // A fence: the store has carried out what the new subscriber sent before.
    await recorded.connections.subscribe('another');
    expect(await recorded.connections.publish('one', bytes)).toBe(1);
  });
});

describe('a subscriber', () => {
  it('that is too slow is closed by Redis, comes back and receives what is sent then', async () => {
    const recorded = await connected();
    proxy.hold('subscriber', 'to-node');
    const large = Buffer.alloc(1_048_576, 'x');
    // Whatever the buffers on the way take; then Redis closes it, and nobody listens.
    while ((await recorded.connections.publish('one', large)) === 1);
    await proxy.heal();
    await recorded.connectedTimes(2);
    expect(recorded.edges[1]).toBe('disconnected subscriber');
    const receivedCount = recorded.messages.length;
    expect(await recorded.connections.publish('one', bytes)).toBe(1);
    await recorded.until(() => recorded.messages.length > receivedCount);
    expect(recorded.messages.at(-1)).toEqual(['one', 'A']);
  });
});

describe('commands', () => {
  it('are carried out once or not at all, in order, however often connections are lost', async () => {
    const recorded = await connected();
    const done: number[] = [];
    const failed: number[] = [];
    let asked = 0;
    const ask = async (): Promise<void> => {
      for (const number of [asked++, asked++, asked++]) {
        const reply = recorded.connections.run(append, { keys: ['list'], argv: [number] });
        void reply.then(
          () => done.push(number),
          () => failed.push(number),
        );
      }
      await new Promise(setImmediate);
    };
    for (let loss = 0; loss < 8; loss++) {
      while (!recorded.connections.isConnected) await new Promise(setImmediate);
      const before = done.length;
      while (done.length - before < 60 + loss) {
        if (asked - done.length - failed.length < 30) await ask();
        else await new Promise(setImmediate);
      }
      proxy.reset(loss % 2 === 0 ? 'directory' : undefined);
      for (let turn = 0; turn < 20; turn++) await ask();
    }
    while (done.length + failed.length < asked) await new Promise(setImmediate);
    const found = (await list()).map(Number);
    expect(found).toEqual([...new Set(found)].sort((one, other) => one - other));
    expect(found).toEqual(expect.arrayContaining(done));
    expect(failed.length).toBeGreaterThan(0);
  });
});
