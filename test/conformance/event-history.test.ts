import { describe, expect, it } from 'vitest';
import { deriveId } from '../../src/routing/derived-id.js';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance } from '../support/conformance.js';
import { freshUri } from '../support/exchange.js';
import { eventsSoFar } from '../support/fences.js';
import type { RawClient } from '../support/raw-client.js';

const GET_EVENTS = 'wamp.subscription.get_events';
const ALL = { call: true, register: true, publish: true, subscribe: true };
const realm = (history: object[], permissions: object[] = [{ uri: '', match: 'prefix', allow: ALL }]) => ({
  realms: [{ name: 'realm1', roles: [{ name: 'anonymous', permissions: permissions as [] }], history: history as [] }],
});

interface HistoricEvent {
  readonly timestamp: string;
  readonly subscription: number;
  readonly publication: number;
  readonly details: Record<string, unknown>;
  readonly args?: unknown[];
  readonly kwargs?: object;
}

async function ask(
  client: RawClient,
  args: unknown[],
  kwargs?: object,
): Promise<{ readonly events: HistoricEvent[]; readonly kwargs: Record<string, unknown> }> {
  client.call(GET_EVENTS, args, {}, kwargs);
  const [, , , events = [], more = {}] = await client.expect(Code.RESULT);
  return { events: events as HistoricEvent[], kwargs: more as Record<string, unknown> };
}

async function refused(client: RawClient, args: unknown[], kwargs?: object): Promise<unknown> {
  client.call(GET_EVENTS, args, {}, kwargs);
  return (await client.expect(Code.ERROR))[4];
}

const valuesOf = (events: readonly HistoricEvent[]): unknown[] => events.map(({ args }) => args?.[0]);

describeConformance(
  'event history',
  (router) => {
    /** A session with a subscription whose history has these values, each published on another node. */
    async function recorded(
      values: readonly unknown[],
      topicOf: (stem: string, value: unknown) => string = (stem) => stem,
    ): Promise<{ reader: RawClient; subscription: number; publications: number[]; stem: string }> {
      const stem = `com.history.${freshUri('h').split('.').at(-1)!}`;
      const publications: number[] = [];
      for (const value of values)
        publications.push(await (await router().join()).publishAcknowledged(topicOf(stem, value), [value]));
      const reader = await router().join();
      const subscription = await reader.subscribe('com.history.', { match: 'prefix' });
      return { reader, subscription, publications, stem };
    }

    it('gives events in the order in which the broker received them, as they were (HIS-1, HIS-3)', async () => {
      const { reader, subscription, publications, stem } = await recorded(['a', 'b', 'c']);
      const { events, kwargs } = await ask(reader, [subscription], { from_publication: publications[0] });
      expect(kwargs).toEqual({});
      expect(events).toEqual(
        ['a', 'b', 'c'].map((value, index) => ({
          timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
          subscription,
          publication: publications[index],
          details: { topic: stem },
          args: [value],
        })),
      );
    });

    it('carries every kind of value, keywords, passthru, and the publisher only if it was disclosed', async () => {
      const { reader, subscription, publications, stem } = await recorded(['before']);
      const publisher = await router().join();
      const values = [1.5, -7, true, null, 'é', [1, { a: [] }], {}];
      publisher.publish(stem, values, { acknowledge: true, disclose_me: true }, { key: 'value' });
      await publisher.expect(Code.PUBLISHED);
      const passthru = { ppt_scheme: 'x_test', ppt_serializer: 'cbor' };
      await publisher.publishAcknowledged(stem, [new Uint8Array([0, 255])], passthru);
      await reader.fence();
      const { events } = await ask(reader, [subscription], { after_publication: publications[0] });
      const [first, second] = events as [HistoricEvent, HistoricEvent];
      expect({ args: first.args, kwargs: first.kwargs }).toEqual({ args: values, kwargs: { key: 'value' } });
      expect(first.details).toEqual({
        topic: stem,
        publisher: publisher.session,
        publisher_authid: publisher.welcome['authid'],
        publisher_authrole: 'anonymous',
      });
      expect(second.details).toEqual({ topic: stem, ...passthru });
      expect(second.args).toHaveLength(1);
    });

    it('applies each filter, all of them together, and the limit in the order of the answer (HIS-2, HIS-4)', async () => {
      const { reader, subscription, publications, stem } = await recorded([1, 2, 3, 4, 5, 6]);
      const [first, second, third, fourth, fifth, sixth] = publications;
      const all = { from_publication: first };
      const values = async (filter: object): Promise<unknown[]> =>
        valuesOf((await ask(reader, [subscription], { ...all, ...filter })).events);
      expect(await values({})).toEqual([1, 2, 3, 4, 5, 6]);
      expect(await values({ reverse: true })).toEqual([6, 5, 4, 3, 2, 1]);
      expect(await values({ after_publication: second })).toEqual([3, 4, 5, 6]);
      expect(await values({ from_publication: third, until_publication: fifth })).toEqual([3, 4, 5]);
      expect(await values({ after_publication: third, before_publication: sixth, reverse: true })).toEqual([5, 4]);
      expect(await values({ from_publication: fifth, until_publication: fourth })).toEqual([]);
      expect(await values({ limit: 2 })).toEqual([1, 2]);
      expect(await values({ limit: 2, reverse: true })).toEqual([6, 5]);
      expect(await values({ topic: stem })).toEqual([1, 2, 3, 4, 5, 6]);
      expect(await values({ topic: `${stem}.other` })).toEqual([]);
      expect(await values({ topic: null, limit: null })).toEqual([1, 2, 3, 4, 5, 6]);
    });

    it('applies times (HIS-2)', async () => {
      const { subscription, publications } = await recorded([1]);
      await new Promise((resolve) => setTimeout(resolve, 10));
      const later = await recorded([2]);
      const { events } = await ask(later.reader, [subscription], { from_publication: publications[0] });
      const [{ timestamp }] = events as [HistoricEvent];
      const last = events.at(-1)!.timestamp;
      const values = async (filter: object): Promise<unknown[]> =>
        valuesOf((await ask(later.reader, [subscription], { from_publication: publications[0], ...filter })).events);
      expect(await values({ from_time: timestamp, until_time: last })).toEqual([1, 2]);
      expect(await values({ after_time: timestamp })).toEqual([2]);
      expect(await values({ before_time: last })).toEqual([1]);
      expect(await values({ from_time: '2999-01-01T00:00:00+02:00' })).toEqual([]);
      expect(await values({ until_time: '1960-01-01T00:00:00Z' })).toEqual([]);
    });

    it('pages forward and in reverse without leaving one out (HIS-7)', async () => {
      const numbers = Array.from({ length: 25 }, (_, index) => index);
      const publisher = await router().join();
      const { reader, subscription, publications, stem } = await recorded(['start']);
      for (const number of numbers) publisher.publish(`${stem}.t${number % 2}`, [number]);
      const end = await publisher.publishAcknowledged(stem, ['end']);
      await reader.fence();
      for (const isReversed of [false, true]) {
        const pages: unknown[] = [];
        let from: object = isReversed ? { before_publication: end } : { after_publication: publications[0] };
        const until = isReversed ? { after_publication: publications[0] } : { before_publication: end };
        for (;;) {
          const { events, kwargs } = await ask(reader, [subscription], {
            ...until,
            ...from,
            reverse: isReversed,
            limit: 7,
          });
          pages.push(...valuesOf(events));
          if (kwargs['is_limit_reached'] !== true) break;
          const last = events.at(-1)!.publication;
          from = isReversed ? { before_publication: last } : { after_publication: last };
        }
        expect(pages).toEqual(isReversed ? numbers.toReversed() : numbers);
      }
    });

    it('takes the positional limit of Crossbar.io: the newest first', async () => {
      const { reader, subscription } = await recorded([1, 2, 3]);
      expect(valuesOf((await ask(reader, [subscription, 2])).events)).toEqual([3, 2]);
      expect(valuesOf((await ask(reader, [subscription, 1], { reverse: true })).events)).toEqual([3]);
    });

    it('refuses what is wrong, by name (HIS-5)', async () => {
      const { reader, subscription, publications } = await recorded([1]);
      for (const [args, kwargs] of [
        [[]],
        [['x']],
        [[subscription, 0]],
        [[subscription, 1, 1]],
        [[subscription], { limit: '1' }],
        [[subscription], { reverse: 1 }],
        [[subscription], { topic: 1 }],
        [[subscription], { from_time: 'yesterday' }],
        [[subscription], { after_publication: 'x' }],
        [[subscription], { since: 1 }],
        // A publication that is not there: a gap would be invisible.
        [[subscription], { after_publication: publications[0]! - 1 }],
      ] as const)
        expect(await refused(reader, [...args], kwargs), JSON.stringify([args, kwargs])).toBe(
          ErrorUri.INVALID_ARGUMENT,
        );
      expect(await refused(reader, [subscription + 1])).toBe(ErrorUri.NO_SUCH_SUBSCRIPTION);
      const without = await reader.subscribe(freshUri());
      expect(await refused(reader, [without])).toBe(ErrorUri.NO_SUCH_SUBSCRIPTION);
    });

    it('has no events with lists of sessions, and applies lists of names to who asks (HIS-6)', async () => {
      const { reader, subscription, publications, stem } = await recorded(['start']);
      const publisher = await router().join();
      const other = await router().join();
      const [authid, authrole] = [reader.welcome['authid'], reader.welcome['authrole']];
      for (const [name, options] of Object.entries({
        eligible: { eligible: [reader.session] },
        exclude: { exclude: [1] },
        mine: { eligible_authid: [authid] },
        theirs: { exclude_authid: [authid] },
        role: { eligible_authrole: [authrole] },
        nobody: { exclude_authrole: [authrole] },
        all: {},
      }))
        await publisher.publishAcknowledged(stem, [name], options);
      await reader.fence();
      const filter = { after_publication: publications[0] };
      expect(valuesOf((await ask(reader, [subscription], filter)).events)).toEqual(['mine', 'role', 'all']);
      expect(valuesOf((await ask(other, [subscription], filter)).events)).toEqual(['theirs', 'role', 'all']);
    });

    it('lets a client that subscribes first and then asks miss nothing, while events are published', async () => {
      const { subscription, publications, stem } = await recorded(['start']);
      const publisher = await router().join();
      let last = 0;
      const state = { isDone: false };
      const publishing = (async () => {
        while (!state.isDone) {
          for (let burst = 0; burst < 4; burst++) publisher.publish(stem, [++last]);
          await publisher.publishAcknowledged(stem, [++last]);
        }
      })();
      for (let round = 0; round < 5; round++) {
        const client = await router().join();
        await client.subscribe('com.history.', { match: 'prefix' });
        const seen: HistoricEvent[] = [];
        const live: [number, unknown][] = [];
        for (let after = publications[0]; ;) {
          const request = client.call(GET_EVENTS, [subscription], {}, { after_publication: after });
          let answer = await client.receive();
          for (; answer[0] !== Code.RESULT; answer = await client.receive())
            live.push([answer[2] as number, (answer[4] as unknown[])[0]]);
          expect(answer[1]).toBe(request);
          seen.push(...((answer[3] ?? []) as HistoricEvent[]));
          if ((answer[4] as Record<string, unknown> | undefined)?.['is_limit_reached'] !== true) break;
          after = seen.at(-1)!.publication;
        }
        if (round === 4) {
          state.isDone = true;
          await publishing;
        }
        for (const [, , publication, , [value]] of (await eventsSoFar(publisher, client)) as [
          number,
          number,
          number,
          object,
          [unknown],
        ][])
          live.push([publication, value]);
        const known = new Set(seen.map(({ publication }) => publication));
        const merged = [...valuesOf(seen), ...live.flatMap(([id, value]) => (known.has(id) ? [] : [value]))];
        expect(merged).toEqual(Array.from({ length: merged.length }, (_, index) => index + 1));
        client.drop();
      }
    });
  },
  realm([{ uri: 'com.history.', match: 'prefix' }]),
);

describe('rights and bounds', () => {
  describeConformance(
    'history of two topics',
    (router) => {
      it('is for those who may subscribe (HIS-5)', async () => {
        const client = await router().join();
        const subscription = await client.subscribe('com.few');
        const hidden = deriveId('realm1', 'exact', 'com.hidden', 0);
        await client.publishAcknowledged('com.hidden', ['a secret']);
        expect(await refused(client, [hidden])).toBe(ErrorUri.NOT_AUTHORIZED);
        expect((await ask(client, [subscription])).events).toBeInstanceOf(Array);
      });

      it('has the newest events, and the gap is visible; what it cannot have is refused', async () => {
        const client = await router().join();
        const subscription = await client.subscribe('com.few');
        const publications: number[] = [];
        for (const value of [1, 2, 3, 4]) publications.push(await client.publishAcknowledged('com.few', [value]));
        expect(valuesOf((await ask(client, [subscription])).events)).toEqual([2, 3, 4]);
        expect(await refused(client, [subscription], { after_publication: publications[0] })).toBe(
          ErrorUri.INVALID_ARGUMENT,
        );
        client.publish('com.few', ['x'.repeat(2_000)], { acknowledge: true });
        expect((await client.expect(Code.ERROR))[4]).toBe(ErrorUri.LIMIT_EXCEEDED);
        expect(valuesOf((await ask(client, [subscription])).events)).toEqual([2, 3, 4]);
      });
    },
    realm(
      [
        { uri: 'com.few', limit: 3, maxBytes: 1_500 },
        { uri: 'com.hidden', limit: 3 },
      ],
      [
        { uri: '', match: 'prefix', allow: { ...ALL, subscribe: false } },
        { uri: 'com.few', match: 'exact', allow: ALL },
      ],
    ),
  );
});
