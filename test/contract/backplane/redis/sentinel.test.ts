import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { StoreUnusableError } from '../../../../src/backplane/redis/connection/store-errors.js';
import { freePort } from '../../../support/free-port.js';
import { door, luaScripts, RecordedConnections } from '../../../support/redis-connections.js';
import { startPeer, startSentinel, type RedisServer, type Sentinel } from '../../../support/redis.js';

const append = door('append.lua');
const scripts = luaScripts({ 'append.lua': "return redis.call('RPUSH', KEYS[1], ARGV[1])" });
/** Means nothing beside Sentinels, but for scheme and database. */
const url = 'redis://sentinels';

let first: RedisServer;
let second: RedisServer;
let sentinel: Sentinel;
beforeAll(async () => {
  first = await startPeer(['--repl-diskless-sync-delay', '0']);
  second = await startPeer(['--replicaof', '127.0.0.1', `${first.port}`, '--repl-diskless-sync-delay', '0']);
  while (!String(await first.command('INFO', 'replication')).includes('state=online')) await new Promise(setImmediate);
  sentinel = await startSentinel('votes', first);
  await sentinelKnowsReplica();
});
afterAll(() => Promise.all([first.stop(), second.stop(), sentinel.stop()]));

async function sentinelKnowsReplica(): Promise<void> {
  const client = new Redis(sentinel.port, '127.0.0.1', { retryStrategy: () => 5, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  for (;;) {
    const replicas = (await client.call('SENTINEL', 'REPLICAS', 'votes')) as string[][];
    if (replicas.some((fields) => fields.includes(`${second.port}`) && fields.includes('ok'))) break;
  }
  client.disconnect();
}

describe('Sentinels', () => {
  it('are asked one after the other', async () => {
    const nodes = [`127.0.0.1:${await freePort()}`, sentinel.node];
    const recorded = new RecordedConnections({ url, sentinels: { master: 'votes', nodes, tls: false } }, scripts);
    await recorded.connections.start();
    expect(await recorded.connections.run(append, { keys: ['asked'], argv: [1] })).toBe(1);
    expect(await first.command('LLEN', 'asked')).toBe(1);
  });

  it('that know no such server end the start', async () => {
    const sentinels = { master: 'other', nodes: [sentinel.node], tls: false };
    const started = new RecordedConnections({ url, sentinels }).connections.start();
    await expect(started).rejects.toThrow('no Sentinel knows a server "other": check backplane.redis.sentinels.master');
  });

  it('that want a password get theirs, and end the start without it', async () => {
    const guarded = await startSentinel('votes', first, ['requirepass sesame']);
    onTestFinished(() => guarded.stop());
    const sentinels = { master: 'votes', nodes: [guarded.node], tls: false };
    // It may take a moment to answer.
    const knowing = new RecordedConnections({ url, sentinels: { ...sentinels, password: 'sesame' } }, scripts);
    await knowing.connections.start();
    const started = new RecordedConnections({ url, sentinels }).connections.start();
    await expect(started).rejects.toThrow(StoreUnusableError);
    await expect(started).rejects.toThrow('check backplane.redis.sentinels.password');
  });

  it('that are silent are waited for', async () => {
    const nodes = [`127.0.0.1:${await freePort()}`];
    const recorded = new RecordedConnections({ url, sentinels: { master: 'votes', nodes, tls: false } });
    const started = recorded.connections.start();
    while (recorded.notices.length === 0) await new Promise(setImmediate);
    expect(recorded.notices[0]?.message).toMatch(
      /no Sentinel has the address of Redis \(127.0.0.1:\d+: connect ECONNREFUSED/,
    );
    const stopped = recorded.connections.stop();
    await expect(started).rejects.toThrow('during start');
    await stopped;
  });

  it('lead to the other server when the first has died, all connections to the same', async () => {
    const sentinels = { master: 'votes', nodes: [sentinel.node], tls: false };
    const recorded = new RecordedConnections({ url, sentinels }, scripts);
    await recorded.connections.start();
    await recorded.connections.subscribe('one');
    expect(await recorded.connections.run(append, { keys: ['list'], argv: ['before'] })).toBe(1);
    await first.kill();
    await recorded.connectedTimes(2);
    await recorded.connections.run(append, { keys: ['list'], argv: ['after'] });
    expect(await second.command('LRANGE', 'list', -1, -1)).toEqual(['after']);
    expect(await recorded.connections.publish('one', new Uint8Array([65]))).toBe(1);
    await recorded.until(() => recorded.messages.length === 1);
  });
});
