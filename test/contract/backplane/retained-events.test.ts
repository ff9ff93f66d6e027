import { beforeEach, describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../src/backplane/backplane.js';
import { RedisRetainedEvents } from '../../../src/backplane/redis/kept/retained-events.js';
import { createKeys } from '../../../src/backplane/redis/keys.js';
import type { RetainedEvents, RetentionBounds } from '../../../src/backplane/retained-events.js';
import { payloadOf } from '../../../src/codec/payload.js';
import { payloadValues } from '../../../src/codec/payload-values.js';
import type { Publication } from '../../../src/routing/ports.js';
import { createClusterCounters } from '../../../src/telemetry/cluster-counters.js';
import type { NodeId, PublicationId, SessionId, Uri } from '../../../src/wamp/ids.js';
import type { AudienceLists } from '../../../src/wamp/options.js';
import { ListedIds } from '../../../src/wamp/session-ids.js';
import {
  describeSharedStore,
  until,
  type MemoryJoin,
  type RedisOfStore,
  type StoreScene,
} from './describe-shared-store.js';
import { OTHER_REALM, REALM } from './samples.js';

const BOUNDS: RetentionBounds = { maxTopics: 1_000, maxBytes: 1_000_000, ttlMs: 0 };
let lastNumber = 0;

function event(topic: Uri, value: unknown, extras: Partial<Publication> = {}): Publication {
  const number = ++lastNumber;
  return {
    id: number as PublicationId,
    topic,
    payload: payloadOf([value]),
    publisher: { session: 7 as SessionId, authid: 'peter', authrole: 'editor' },
    excludePublisher: true,
    disclosePublisher: true,
    retain: { node: 'one' as NodeId, number },
    ...extras,
  };
}

const restricted = (topic: Uri, value: unknown, audience: AudienceLists = { eligible: new ListedIds([1]) }) =>
  event(topic, value, { audience });

const valuesOf = (events: readonly Publication[]): unknown[] =>
  events.map(({ payload }) => payloadValues(payload)?.args[0]);

function describeRetainedEvents(name: string, makeScene: () => Promise<StoreScene<RetainedEvents>>): void {
  describe(`retained events: ${name}`, () => {
    let one: RetainedEvents;
    let two: RetainedEvents;
    beforeEach(async () => ({ one, two } = await makeScene()));
    const values = async (topic: Uri): Promise<unknown[]> => valuesOf(await two.get(REALM, topic));

    it('keeps the whole publication, for all nodes, by realm and topic (RET-6)', async () => {
      const audience: AudienceLists = {
        eligible: new ListedIds([3, 1]),
        exclude: new ListedIds([]),
        eligibleAuthid: new Set(['a']),
        eligibleAuthrole: new Set(),
        excludeAuthid: new Set(['é', '']),
        excludeAuthrole: new Set(['x']),
      };
      const passthru = { form: 'ppt', details: { ppt_scheme: 'x_a', ppt_keyid: '\u0001' } } as const;
      const all = event('a.b', [1.5, 'é', null, new Uint8Array([0, 255])], {
        audience,
        passthru,
        excludePublisher: false,
      });
      expect(await one.put(REALM, all, BOUNDS)).toBe('kept');
      const [read] = await two.get(REALM, 'a.b');
      const { payload, audience: lists, ...rest } = read!;
      const { payload: _payload, audience: _lists, ...expected } = all;
      expect(rest).toEqual(expected);
      expect({ ...lists, eligible: [...lists!.eligible!], exclude: [...lists!.exclude!] }).toEqual({
        ...audience,
        eligible: [1, 3],
        exclude: [],
      });
      expect(payloadValues(payload)).toEqual(payloadValues(all.payload));
      expect(await two.get(OTHER_REALM, 'a.b')).toEqual([]);
      expect(await two.get(REALM, 'a')).toEqual([]);
    });

    it('hides who published without disclosure', async () => {
      await one.put(REALM, event('a', 1, { disclosePublisher: false }), BOUNDS);
      expect((await two.get(REALM, 'a'))[0]!.publisher).toEqual({ session: 7, authid: '', authrole: '' });
    });

    it('lets the newest event for all take the place of all earlier ones (RET-4)', async () => {
      for (const publication of [
        event('a', 1),
        restricted('a', 2),
        restricted('a', 3),
        event('a', 4),
        restricted('a', 5),
      ])
        await one.put(REALM, publication, BOUNDS);
      expect(await values('a')).toEqual([5, 4]);
      await two.put(REALM, event('a', 6, { retain: { node: 'two' as NodeId, number: 1 } }), BOUNDS);
      expect(await values('a')).toEqual([6]);
    });

    it('keeps eight events of a topic, the newest for all among them', async () => {
      await one.put(REALM, event('a', 0), BOUNDS);
      for (let value = 1; value <= 20; value++) await one.put(REALM, restricted('a', value), BOUNDS);
      expect(await values('a')).toEqual([20, 19, 18, 17, 16, 15, 14, 0]);
      for (let value = 1; value <= 20; value++) await one.put(REALM, restricted('b', value), BOUNDS);
      expect(await values('b')).toEqual([20, 19, 18, 17, 16, 15, 14, 13]);
    });

    it('clears a topic, and lists topics by their newest event (RET-5)', async () => {
      for (const topic of ['a', 'b', 'c', 'a']) await one.put(REALM, event(topic, topic), BOUNDS);
      expect((await two.topics(REALM)).topics).toEqual(['a', 'c', 'b']);
      await two.clear(REALM, 'c');
      await two.clear(REALM, 'c');
      expect(await two.topics(REALM)).toEqual({ topics: ['a', 'b'] });
      expect(await values('c')).toEqual([]);
      await one.clear(REALM, 'a');
      await one.clear(REALM, 'b');
      expect(await two.topics(REALM)).toEqual({ topics: [] });
    });

    it('lists any number of topics in parts, each once', async () => {
      const names = Array.from({ length: 1_100 }, (_, index) => `topic.${index}`);
      const bounds = { ...BOUNDS, maxTopics: 2_000 };
      await Promise.all(names.map((topic) => one.put(REALM, event(topic, 0), bounds)));
      const listed: Uri[] = [];
      let from: number | undefined;
      do {
        const page = await two.topics(REALM, from);
        listed.push(...page.topics);
        from = page.next;
      } while (from !== undefined);
      expect(listed).toEqual(names.reverse());
    });

    it('takes no topic beyond the bound, and what a topic has stays', async () => {
      const bounds = { ...BOUNDS, maxTopics: 2 };
      const outcomes: string[] = [];
      for (const topic of ['a', 'b', 'c', 'a'])
        outcomes.push(await one.put(REALM, event(topic, outcomes.length), bounds));
      expect(outcomes).toEqual(['kept', 'kept', 'topics', 'kept']);
      expect([await values('a'), await values('c')]).toEqual([[3], []]);
      await two.clear(REALM, 'b');
      expect(await one.put(REALM, event('c', 9), bounds)).toBe('kept');
    });

    it('takes no bytes beyond the bound, and gives back those of events that are gone', async () => {
      const bounds = { ...BOUNDS, maxBytes: 3_000 };
      const large = 'x'.repeat(1_000);
      const outcomes: string[] = [];
      for (const topic of ['a', 'b', 'c', 'a']) outcomes.push(await one.put(REALM, event(topic, large), bounds));
      expect(outcomes).toEqual(['kept', 'kept', 'bytes', 'kept']);
      expect(await one.put(REALM, event('a', 'small'), bounds)).toBe('kept');
      expect(await one.put(REALM, event('c', large), bounds)).toBe('kept');
      for (let round = 0; round < 10; round++) {
        await one.clear(REALM, 'c');
        expect(await one.put(REALM, event('c', large), bounds)).toBe('kept');
      }
    });

    it('forgets events when their time is over, and their topics make room', async () => {
      const bounds = { maxTopics: 1, maxBytes: 1_000_000, ttlMs: 50 };
      await one.put(REALM, event('a', 1), bounds);
      await until(async () => (await values('a')).length === 0);
      expect(await one.put(REALM, event('b', 2), { ...bounds, ttlMs: 60_000 })).toBe('kept');
      expect(await values('b')).toEqual([2]);
      expect((await two.topics(REALM)).topics).toEqual(['b']);
    });
  });
}

function describeInMemory(join: MemoryJoin): void {
  it('refuses a node that is cut off', async () => {
    const { hub, nodes } = await join();
    hub.faults.isolate(nodes[0].node);
    await expect(nodes[0].retained.put(REALM, event('a', 1), BOUNDS)).rejects.toThrow(BackplaneUnavailableError);
    await expect(nodes[0].retained.get(REALM, 'a')).rejects.toThrow(BackplaneUnavailableError);
    expect(await nodes[1].retained.get(REALM, 'a')).toEqual([]);
  });
}

function describeInRedis(redis: RedisOfStore): void {
  it('rejects while Redis is away', async () => {
    const { cluster, nodes } = await redis.join();
    const [{ node, retained }] = nodes;
    await cluster.isolate(node);
    await expect(retained.put(REALM, event('a', 1), BOUNDS)).rejects.toThrow(BackplaneUnavailableError);
    await expect(retained.get(REALM, 'a')).rejects.toThrow(BackplaneUnavailableError);
    await cluster.heal(node);
  });

  it('never lets an older event of a node take the place of a newer one, and may repeat a step (RET-8)', async () => {
    const { nodes } = await redis.join();
    const { retained } = nodes[0];
    const [older, newer] = [event('a', 'older'), event('a', 'newer')];
    expect(await retained.put(REALM, newer, BOUNDS)).toBe('kept');
    expect(await retained.put(REALM, older, BOUNDS)).toBe('superseded');
    expect(await retained.put(REALM, newer, BOUNDS)).toBe('kept');
    expect(valuesOf(await retained.get(REALM, 'a'))).toEqual(['newer']);
  });

  it('keeps its keys under the hash tag of the realm, with a time to live if events have one, and none once all is cleared', async () => {
    const { cluster, nodes } = await redis.join();
    const { retained } = nodes[0];
    const keysNow = async (): Promise<string[]> =>
      ((await redis.server.command('KEYS', `${cluster.prefix}:{r:${REALM}}:retained*`)) as string[]).sort();
    await retained.put(REALM, event('a', 1), { ...BOUNDS, ttlMs: 3_600_000 });
    const keys = await keysNow();
    expect(keys).toHaveLength(3);
    for (const key of keys) expect(await redis.server.command('PTTL', key)).toBeGreaterThan(3_500_000);
    await retained.put(REALM, event('a', 1), BOUNDS);
    for (const key of keys) expect(await redis.server.command('PTTL', key)).toBe(-1);
    await retained.clear(REALM, 'a');
    expect(await keysNow()).toEqual([]);
  });

  it('forgets the topics and bytes of events whose rows Redis has removed a moment before', async () => {
    const { cluster, nodes } = await redis.join();
    const { retained } = nodes[0];
    const bounds = { ...BOUNDS, ttlMs: 3_600_000 };
    await retained.put(REALM, event('a', 1), bounds);
    const bytesKey = `${cluster.prefix}:{r:${REALM}}:retained:bytes`;
    const bytes = await redis.server.command('GET', bytesKey);
    await redis.server.command('DEL', `${cluster.prefix}:{r:${REALM}}:retained`);
    await retained.put(REALM, event('b', 2), bounds);
    expect((await retained.topics(REALM)).topics).toEqual(['b']);
    expect(await redis.server.command('GET', bytesKey)).toBe(bytes);
  });

  it('ignores and counts rows that it cannot read, and a later event takes their place', async () => {
    const counters = createClusterCounters();
    const keys = createKeys({ prefix: 'odd', database: 0 });
    const retained = new RedisRetainedEvents({ store: redis.server.plainStore(), keys, counters });
    const { rows } = keys.retained(REALM);
    // The second is a row of an event that is text, the third one of a later format.
    for (const bad of ['text', '\x92\x01\x95\xa1n\x01\x00\xc3\xa4text', '\x92\x02\x01']) {
      await redis.server.command('HSET', rows, 'a', Buffer.from(bad, 'latin1'));
      expect(await retained.get(REALM, 'a')).toEqual([]);
    }
    expect([counters.rowsIgnored.shape, counters.rowsIgnored.version]).toEqual([2, 1]);
    expect(await retained.put(REALM, event('a', 'good'), BOUNDS)).toBe('kept');
    expect(valuesOf(await retained.get(REALM, 'a'))).toEqual(['good']);
  });
}

describeSharedStore({
  contract: describeRetainedEvents,
  storeOf: ({ retained }) => retained,
  plain: (options) => new RedisRetainedEvents(options),
  inMemory: describeInMemory,
  inRedis: describeInRedis,
});
