import { beforeEach, describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../src/backplane/backplane.js';
import {
  MAX_SEQUENCE,
  type EventHistory,
  type HistoryEntry,
  type HistoryRange,
  type RecordedEvent,
} from '../../../src/backplane/event-history.js';
import { RedisEventHistory } from '../../../src/backplane/redis/kept/event-history.js';
import { createKeys } from '../../../src/backplane/redis/keys.js';
import { payloadOf } from '../../../src/codec/payload.js';
import { payloadValues } from '../../../src/codec/payload-values.js';
import type { Publication } from '../../../src/routing/ports.js';
import { createClusterCounters } from '../../../src/telemetry/cluster-counters.js';
import type { PublicationId, SessionId, Uri } from '../../../src/wamp/ids.js';
import { describeSharedStore, type MemoryJoin, type RedisOfStore, type StoreScene } from './describe-shared-store.js';
import { OTHER_REALM, REALM } from './samples.js';

const entry = (uri: Uri, rule: Partial<HistoryEntry> = {}): HistoryEntry => ({
  uri,
  match: 'prefix',
  limit: 100_000,
  maxBytes: 100_000_000,
  ttlMs: 0,
  ...rule,
});
const ALL: HistoryRange = { first: [0, 0], last: [999_999_999_999_999, MAX_SEQUENCE], isReversed: false };
let lastId = 0;

function event(value: unknown, topic = 'a'): Publication {
  return {
    id: ++lastId as PublicationId,
    topic,
    payload: payloadOf([value]),
    publisher: { session: 7 as SessionId, authid: '', authrole: '' },
    excludePublisher: true,
    disclosePublisher: false,
  };
}

async function all(history: EventHistory, of: HistoryEntry, range = ALL, realm = REALM): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for (let rest: HistoryRange | undefined = range; rest !== undefined;) {
    const page = await history.read(realm, of, rest);
    events.push(...page.events);
    rest = page.next;
  }
  return events;
}

const valuesOf = (events: readonly RecordedEvent[]): unknown[] =>
  events.map(({ publication: { payload } }) => payloadValues(payload)?.args[0]);

function describeEventHistory(name: string, makeScene: () => Promise<StoreScene<EventHistory>>): void {
  describe(`event history: ${name}`, () => {
    let one: EventHistory;
    let two: EventHistory;
    beforeEach(async () => ({ one, two } = await makeScene()));

    it('keeps events in the order of the calls, by realm and entry, also in several at once', async () => {
      const [a, b] = [entry('a'), entry('a', { match: 'exact' })];
      const [first, second, third] = [event(1), event(2), event(3)];
      await Promise.all([one.append(REALM, first, [a, b]), one.append(REALM, second, [a])]);
      await two.append(REALM, third, [a, b]);
      expect(valuesOf(await all(two, a))).toEqual([1, 2, 3]);
      expect(valuesOf(await all(one, b))).toEqual([1, 3]);
      expect(await all(one, a, ALL, OTHER_REALM)).toEqual([]);
      expect((await all(one, a))[0]!.publication.id).toBe(first.id);
    });

    it('stores a publication once, however often that is repeated', async () => {
      const publication = event(1);
      for (let count = 0; count < 3; count++) await one.append(REALM, publication, [entry('a')]);
      expect(valuesOf(await all(two, entry('a')))).toEqual([1]);
    });

    it('reads any number of events in pages, forward and in reverse, from any position to any other', async () => {
      const numbers = Array.from({ length: 350 }, (_, index) => index);
      await Promise.all(numbers.map((number) => one.append(REALM, event(number), [entry('a')])));
      const events = await all(two, entry('a'));
      expect(valuesOf(events)).toEqual(numbers);
      expect(valuesOf(await all(two, entry('a'), { ...ALL, isReversed: true }))).toEqual(numbers.toReversed());
      const [first, last] = [events[17]!.position, events[203]!.position];
      for (const isReversed of [false, true]) {
        const part = numbers.slice(17, 204);
        const read = valuesOf(await all(two, entry('a'), { first, last, isReversed }));
        expect(read).toEqual(isReversed ? part.toReversed() : part);
      }
      const large = 'x'.repeat(200_000);
      for (let count = 0; count < 3; count++) await one.append(REALM, event(large, 'b'), [entry('b')]);
      expect((await two.read(REALM, entry('b'), ALL)).events).toHaveLength(1);
      expect(await all(two, entry('b'))).toHaveLength(3);
    });

    it('finds where publications stand, and reports it when they do not', async () => {
      const [first, second] = [event(1), event(2)];
      for (const publication of [first, second]) await one.append(REALM, publication, [entry('a')]);
      const events = await all(two, entry('a'));
      expect(await two.locate(REALM, entry('a'), [second.id, 999_999 as PublicationId, first.id])).toEqual([
        events[1]!.position,
        undefined,
        events[0]!.position,
      ]);
      expect(await two.locate(REALM, entry('b'), [first.id])).toEqual([undefined]);
    });

    it('removes the oldest beyond the number, with their places', async () => {
      const rule = entry('a', { limit: 3 });
      const publications = [1, 2, 3, 4, 5].map((value) => event(value));
      for (const publication of publications) await one.append(REALM, publication, [rule]);
      expect(valuesOf(await all(two, rule))).toEqual([3, 4, 5]);
      const found = await two.locate(
        REALM,
        rule,
        publications.map(({ id }) => id),
      );
      expect(found.map((position) => position !== undefined)).toEqual([false, false, true, true, true]);
      await one.append(REALM, event(6), [{ ...rule, limit: 1 }]);
      expect(valuesOf(await all(two, rule))).toEqual([6]);
    });

    it('removes the oldest beyond the bytes, and keeps one event', async () => {
      const rule = entry('a', { maxBytes: 5_000 });
      for (let count = 0; count < 30; count++) await one.append(REALM, event('x'.repeat(1_000)), [rule]);
      expect(await all(two, rule)).toHaveLength(4);
      await one.append(REALM, event('x'.repeat(10_000)), [rule]);
      expect(await all(two, rule)).toHaveLength(1);
    });

    it('has no events whose time is over', async () => {
      const rule = entry('a', { ttlMs: 80 });
      const publication = event(1);
      await one.append(REALM, publication, [rule]);
      while ((await all(two, rule)).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(await two.locate(REALM, rule, [publication.id])).toEqual([undefined]);
      await one.append(REALM, event(2), [{ ...rule, ttlMs: 60_000 }]);
      expect(valuesOf(await all(two, { ...rule, ttlMs: 60_000 })).at(-1)).toBe(2);
    });
  });
}

function describeInMemory(join: MemoryJoin): void {
  it('refuses a node that is cut off', async () => {
    const { hub, nodes } = await join();
    hub.faults.isolate(nodes[0].node);
    await expect(nodes[0].history.append(REALM, event(1), [entry('a')])).rejects.toThrow(BackplaneUnavailableError);
    await expect(nodes[0].history.read(REALM, entry('a'), ALL)).rejects.toThrow(BackplaneUnavailableError);
  });
}

function describeInRedis(redis: RedisOfStore): void {
  it('rejects while Redis is away', async () => {
    const { cluster, nodes } = await redis.join();
    const [{ node, history }] = nodes;
    await cluster.isolate(node);
    await expect(history.append(REALM, event(1), [entry('a')])).rejects.toThrow(BackplaneUnavailableError);
    await expect(history.read(REALM, entry('a'), ALL)).rejects.toThrow(BackplaneUnavailableError);
    await cluster.heal(node);
  });

  it('keeps two keys for an entry under the hash tag of the realm, and an index no larger than the stream', async () => {
    const { cluster, nodes } = await redis.join();
    const [{ history }] = nodes;
    const rule = entry('a.é{}', { limit: 10, ttlMs: 3_600_000 });
    for (let count = 0; count < 50; count++) await history.append(REALM, event(count), [rule]);
    const keys = ((await redis.server.command('KEYS', `${cluster.prefix}:*:history:*`)) as string[]).sort();
    expect(keys).toHaveLength(2);
    expect(keys.every((key) => key.startsWith(`${cluster.prefix}:{r:${REALM}}:history:prefix:`))).toBe(true);
    expect(await redis.server.command('XLEN', keys[0]!)).toBe(10);
    expect(await redis.server.command('HLEN', keys[1]!)).toBe(11);
    for (const key of keys) expect(await redis.server.command('PTTL', key)).toBeGreaterThan(3_500_000);
  });

  it('forgets the bytes of events whose stream Redis has removed a moment before', async () => {
    const { cluster, nodes } = await redis.join();
    const [{ history }] = nodes;
    const rule = entry('a', { ttlMs: 3_600_000 });
    await history.append(REALM, event(1), [rule]);
    const stream = `${cluster.prefix}:{r:${REALM}}:history:prefix:a`;
    const bytes = await redis.server.command('HGET', `${stream}:index`, 'bytes');
    await redis.server.command('DEL', stream);
    await history.append(REALM, event(2), [rule]);
    expect(await redis.server.command('HGET', `${stream}:index`, 'bytes')).toBe(bytes);
  });

  it('ignores and counts events that it cannot read, and reads those behind them', async () => {
    const counters = createClusterCounters();
    const keys = createKeys({ prefix: 'odd', database: 0 });
    const history = new RedisEventHistory({ store: redis.server.plainStore(), keys, counters });
    const { stream } = keys.history(REALM, 'prefix', 'a');
    await redis.server.command('XADD', stream, '*', 'p', '1', 'e', 'text');
    await history.append(REALM, event('good'), [entry('a')]);
    expect(valuesOf(await all(history, entry('a')))).toEqual(['good']);
    expect(counters.rowsIgnored.shape).toBe(1);
  });
}

describeSharedStore({
  contract: describeEventHistory,
  storeOf: ({ history }) => history,
  plain: (options) => new RedisEventHistory(options),
  inMemory: describeInMemory,
  inRedis: describeInRedis,
});
