import { beforeEach, describe, expect, it } from 'vitest';
import { BackplaneUnavailableError, MessageTooLargeError } from '../../../src/backplane/backplane.js';
import type { EntryName, ExpiringStore } from '../../../src/backplane/expiring-store.js';
import { SharedExpiringState } from '../../../src/backplane/memory/expiring-store.js';
import { RedisExpiringStore } from '../../../src/backplane/redis/expiring/expiring-store.js';
import { createKeys } from '../../../src/backplane/redis/keys.js';
import { createClusterCounters } from '../../../src/telemetry/cluster-counters.js';
import {
  describeSharedStore,
  until,
  type MemoryJoin,
  type RedisOfStore,
  type StoreScene,
} from './describe-shared-store.js';
import { OTHER_REALM, REALM } from './samples.js';

const LONG_MS = 3_600_000;
const a: EntryName = { kind: 'failures', name: 'a' };
const b: EntryName = { kind: 'failures', name: 'b' };
const cookie: EntryName = { kind: 'cookie', name: 'a' };
const places: EntryName = { kind: 'places', name: 'peter' };

function describeExpiringStore(name: string, makeScene: () => Promise<StoreScene<ExpiringStore>>): void {
  describe(`expiring state: ${name}`, () => {
    let one: ExpiringStore;
    let two: ExpiringStore;
    beforeEach(async () => ({ one, two } = await makeScene()));

    it('adds to counters that all nodes share, by realm, kind and name', async () => {
      expect(await one.add(REALM, [a, b], 2, LONG_MS)).toEqual([2, 2]);
      expect(await two.add(REALM, [b, a], 1, LONG_MS)).toEqual([3, 3]);
      expect(await two.add(REALM, [a, { kind: 'places', name: 'a' }], 0, LONG_MS)).toEqual([3, 0]);
      expect(await two.add(OTHER_REALM, [a], 1, LONG_MS)).toEqual([1]);
      expect(await two.add(REALM, [], 1, LONG_MS)).toEqual([]);
      await one.delete(REALM, a);
      await one.delete(REALM, a);
      expect(await two.add(REALM, [a, b], 0, LONG_MS)).toEqual([0, 3]);
    });

    it('counts every addition of nodes that add at once', async () => {
      const added = await Promise.all([one, two, one, two].map((store) => store.add(REALM, [a], 1, LONG_MS)));
      expect(added.flat().sort()).toEqual([1, 2, 3, 4]);
    });

    it('ends a counter a fixed time after its first addition, whatever is added meanwhile', async () => {
      await one.add(REALM, [b], 5, LONG_MS);
      await one.add(REALM, [a], 1, 100);
      await until(async () => (await two.add(REALM, [a], 1, LONG_MS))[0] === 1);
      expect(await one.add(REALM, [b], 0, 1)).toEqual([5]);
    });

    it('keeps values for their time', async () => {
      const value = { authid: 'peter', ['__proto__']: [1, -0, 2n ** 64n, new Uint8Array([0, 255]), null] };
      expect(await one.get(REALM, cookie)).toBeUndefined();
      await one.put(REALM, cookie, 'first', LONG_MS);
      await one.put(REALM, cookie, value, LONG_MS);
      expect(await two.get(REALM, cookie)).toEqual(value);
      expect(await two.get(OTHER_REALM, cookie)).toBeUndefined();
      await two.put(REALM, cookie, value, 50);
      await until(async () => (await one.get(REALM, cookie)) === undefined);
    });

    it('gives a value that is taken to one of those who take it', async () => {
      await one.put(REALM, cookie, 'once', LONG_MS);
      const taken = await Promise.all([one, two, one].map((store) => store.take(REALM, cookie)));
      expect(taken.filter((value) => value !== undefined)).toEqual(['once']);
      await one.put(REALM, cookie, 'again', LONG_MS);
      await two.delete(REALM, cookie);
      expect(await one.get(REALM, cookie)).toBeUndefined();
    });

    it('takes names that are secret, long or strange, and refuses large values', async () => {
      const names = ['', ' ', '{}:*', 'é', '\u0000', 'x'.repeat(1_000_000)];
      for (const name of names) await one.put(REALM, { kind: 'cookie', name }, name.length, LONG_MS);
      for (const name of names) expect(await two.get(REALM, { kind: 'cookie', name })).toBe(name.length);
      await expect(one.put(REALM, cookie, 'x'.repeat(65_536), LONG_MS)).rejects.toThrow(MessageTooLargeError);
      await expect(one.put(REALM, cookie, Symbol('none'), LONG_MS)).rejects.toThrow(TypeError);
    });

    it('gives places to as many as there are, and refuses others', async () => {
      const rule = { max: 2, full: 'refuse', ttlMs: LONG_MS } as const;
      const outcomes = await Promise.all(
        ['x', 'y', 'z'].map((member, index) => (index === 1 ? two : one).enter(REALM, places, member, rule)),
      );
      expect(outcomes.filter(({ isEntered }) => isEntered)).toHaveLength(2);
      const [refused] = outcomes.filter(({ isEntered }) => !isEntered);
      expect(refused?.others).toHaveLength(2);
      const [holder, other] = refused?.others as [string, string];
      expect(await one.enter(REALM, places, holder, rule)).toEqual({ isEntered: true, others: [] });
      await one.leave(REALM, places, [holder, 'nobody']);
      await one.leave(REALM, places, [holder]);
      expect(await two.enter(REALM, places, 'w', rule)).toEqual({ isEntered: true, others: [] });
      expect(await two.enter(REALM, places, 'v', rule)).toEqual({ isEntered: false, others: [other, 'w'] });
    });

    it('replaces the members that entered first, each once', async () => {
      const rule = { max: 3, full: 'replace', ttlMs: LONG_MS } as const;
      for (const member of ['1', '2', '3']) await one.enter(REALM, places, member, rule);
      expect(await two.enter(REALM, places, '1', rule)).toEqual({ isEntered: true, others: [] });
      expect(await two.enter(REALM, places, '4', rule)).toEqual({ isEntered: true, others: ['1'] });
      expect(await two.enter(REALM, places, '5', { ...rule, max: 1 })).toEqual({
        isEntered: true,
        others: ['2', '3', '4'],
      });
    });

    it('ends places some time after the last member has entered', async () => {
      const rule = { max: 1, full: 'refuse', ttlMs: 50 } as const;
      await one.enter(REALM, places, 'x', rule);
      await until(async () => (await two.enter(REALM, places, 'y', rule)).isEntered);
    });
  });
}

function describeInMemory(join: MemoryJoin): void {
  it('refuses a node that is cut off', async () => {
    const { hub, nodes } = await join();
    hub.faults.isolate(nodes[0].node);
    await expect(nodes[0].expiring.add(REALM, [a], 1, LONG_MS)).rejects.toThrow(BackplaneUnavailableError);
    expect(await nodes[1].expiring.add(REALM, [a], 1, LONG_MS)).toEqual([1]);
  });

  it('keeps a bounded number of entries: forgets those that are over, then those that were made first', () => {
    let nowMs = 0;
    const state = new SharedExpiringState(() => nowMs, 64);
    const names = (count: number): EntryName[] =>
      Array.from({ length: count }, (_, index) => ({ kind: 'failures', name: `${index}` }));
    state.add(REALM, names(32), 1, 10);
    state.add(OTHER_REALM, names(32), 1, LONG_MS);
    nowMs = 10;
    state.add(REALM, names(500).slice(-2, -1), 1, LONG_MS);
    expect(state.size).toBe(33);
    state.add(REALM, names(500), 1, LONG_MS);
    expect(state.size).toBeLessThanOrEqual(64);
    expect(state.add(REALM, names(500).slice(-1), 0, LONG_MS)).toEqual([1]);
  });
}

function describeInRedis(redis: RedisOfStore): void {
  const entryKeys = async ({ prefix }: { readonly prefix: string }): Promise<string[]> => {
    const keys = (await redis.server.command('KEYS', `${prefix}:*`)) as string[];
    return keys.filter((key) => key.includes(':expiring:'));
  };

  it('works while the scripts were flushed, and rejects while Redis is away', async () => {
    const { cluster, nodes } = await redis.join();
    const [{ node, expiring }] = nodes;
    await redis.server.command('SCRIPT', 'FLUSH');
    expect(await expiring.add(REALM, [a], 1, LONG_MS)).toEqual([1]);
    await cluster.isolate(node);
    await expect(expiring.add(REALM, [a], 1, LONG_MS)).rejects.toThrow(BackplaneUnavailableError);
    await expect(expiring.get(REALM, cookie)).rejects.toThrow(BackplaneUnavailableError);
    await expect(expiring.enter(REALM, places, 'x', { max: 1, full: 'refuse', ttlMs: LONG_MS })).rejects.toThrow(
      BackplaneUnavailableError,
    );
    await cluster.heal(node);
  });

  it('gives every key a time to live and the hash tag of its realm, and shows no name', async () => {
    const { cluster, nodes } = await redis.join();
    const [{ expiring }] = nodes;
    await expiring.add(REALM, [{ kind: 'failures', name: 'secret' }], 1, LONG_MS);
    await expiring.put(REALM, { kind: 'cookie', name: 'secret' }, 1, LONG_MS);
    await expiring.enter(REALM, { kind: 'places', name: 'secret' }, 'x', { max: 1, full: 'refuse', ttlMs: LONG_MS });
    const keys = await entryKeys(cluster);
    expect(keys).toHaveLength(3);
    for (const key of keys) {
      expect(key.startsWith(`${cluster.prefix}:{r:${REALM}}:expiring:`)).toBe(true);
      expect(key).not.toContain('secret');
      expect(await redis.server.command('PTTL', key)).toBeGreaterThan(LONG_MS - 60_000);
    }
    await expiring.delete(REALM, { kind: 'failures', name: 'secret' });
    await expiring.delete(REALM, { kind: 'cookie', name: 'secret' });
    await expiring.leave(REALM, { kind: 'places', name: 'secret' }, ['x']);
    expect(await entryKeys(cluster)).toEqual([]);
  });

  it('ignores and counts values that it cannot read', async () => {
    const counters = createClusterCounters();
    const keys = createKeys({ prefix: 'odd', database: 0 });
    const expiring = new RedisExpiringStore({ store: redis.server.plainStore(), keys, counters });
    await expiring.put(REALM, cookie, 'good', LONG_MS);
    const [key] = (await redis.server.command('KEYS', 'odd:*')) as [string];
    // The second is a value of a later format.
    for (const bad of ['text', '\x92\x02\x01', '']) {
      await redis.server.command('SET', key, Buffer.from(bad, 'latin1'));
      expect(await expiring.get(REALM, cookie)).toBeUndefined();
    }
    await redis.server.command('DEL', key);
    await redis.server.command('HSET', key, 'field', 'value');
    expect(await expiring.get(REALM, cookie)).toBeUndefined();
    expect([counters.rowsIgnored.shape, counters.rowsIgnored.version]).toEqual([2, 1]);
    await expiring.delete(REALM, cookie);
    expect(await expiring.take(REALM, cookie)).toBeUndefined();
  });
}

describeSharedStore({
  contract: describeExpiringStore,
  storeOf: ({ expiring }) => expiring,
  plain: (options) => new RedisExpiringStore(options),
  inMemory: describeInMemory,
  inRedis: describeInRedis,
});
