import { describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { describeConformance } from '../support/conformance.js';
import { freshUri } from '../support/exchange.js';
import { eventsSoFar } from '../support/fences.js';
import type { RawClient } from '../support/raw-client.js';

const ALL = { call: true, register: true, publish: true, subscribe: true };
const realm = (retention: object) => ({
  realms: [
    {
      name: 'realm1',
      roles: [{ name: 'anonymous', permissions: [{ uri: '', match: 'prefix' as const, allow: ALL }] }],
      retention,
    },
  ],
});

const RETAIN = { retain: true };
const SEEK = { get_retained: true };

describeConformance(
  'event retention',
  (router) => {
    /** What a session that subscribes now gets besides SUBSCRIBED, with the other details of the event. */
    async function seek(subscriber: RawClient, topic: string, options: object = {}): Promise<unknown[][]> {
      const subscription = await subscriber.subscribe(topic, { ...SEEK, ...options });
      return (await subscriber.fence()).map((event) => {
        expect(event.slice(0, 2)).toEqual([Code.EVENT, subscription]);
        return event.slice(2);
      });
    }

    it('gives the newest retained event to a later subscriber, behind SUBSCRIBED (RET-1, RET-2, RET-3, RET-6)', async () => {
      const publisher = await router().join();
      const topic = freshUri();
      await publisher.publishAcknowledged(topic, ['old'], RETAIN);
      const newest = await publisher.publishAcknowledged(topic, ['new', 1.5, null], RETAIN);
      await publisher.publishAcknowledged(topic, ['not retained']);
      for (let node = 0; node < router().nodeCount; node++) {
        const subscriber = await router().joinAt(node);
        expect(await seek(subscriber, topic)).toEqual([[newest, { retained: true }, ['new', 1.5, null]]]);
      }
    });

    it('gives nothing to those that do not ask, and no `retained` to live receivers (RET-3)', async () => {
      const publisher = await router().join();
      const subscriber = await router().join();
      const topic = freshUri();
      await publisher.publishAcknowledged(topic, ['retained'], RETAIN);
      await subscriber.subscribe(topic);
      expect(await eventsSoFar(publisher, subscriber)).toEqual([]);
      await publisher.publishAcknowledged(topic, ['live'], RETAIN);
      const [event] = await eventsSoFar(publisher, subscriber);
      expect(event!.slice(3)).toEqual([{}, ['live']]);
    });

    it('sends it again with each SUBSCRIBE that asks for it (RET-7)', async () => {
      const publisher = await router().join();
      const subscriber = await router().join();
      const topic = freshUri();
      const publication = await publisher.publishAcknowledged(topic, ['value'], RETAIN);
      const event = [[publication, { retained: true }, ['value']]];
      expect(await seek(subscriber, topic)).toEqual(event);
      expect(await seek(subscriber, topic)).toEqual(event);
      const subscription = await subscriber.subscribe(topic);
      expect(await subscriber.fence()).toEqual([]);
      subscriber.request(Code.UNSUBSCRIBE, subscription);
      await subscriber.expect(Code.UNSUBSCRIBED);
      expect(await seek(subscriber, topic)).toEqual(event);
    });

    it('gives a pattern the newest of all topics that match, with its topic (RET-5)', async () => {
      const publisher = await router().join();
      const stem = freshUri();
      await publisher.publishAcknowledged(`${stem}.a.end`, ['first'], RETAIN);
      await publisher.publishAcknowledged(`${stem}.b.end`, ['second'], RETAIN);
      const newest = await publisher.publishAcknowledged(`${stem}.a.end`, ['third'], RETAIN);
      await publisher.publishAcknowledged(freshUri(), ['elsewhere'], RETAIN);
      const event = [newest, { retained: true, topic: `${stem}.a.end` }, ['third']];
      expect(await seek(await router().join(), `${stem}.`, { match: 'prefix' })).toEqual([event]);
      expect(await seek(await router().join(), `${stem}..end`, { match: 'wildcard' })).toEqual([event]);
      expect(await seek(await router().join(), `${stem}..other`, { match: 'wildcard' })).toEqual([]);
    });

    it('keeps the disclosed publisher and passthru of the original (RET-6)', async () => {
      const publisher = await router().join();
      const topic = freshUri();
      const options = { ...RETAIN, disclose_me: true, ppt_scheme: 'x_test', ppt_serializer: 'cbor' };
      const publication = await publisher.publishAcknowledged(topic, [new Uint8Array([0, 255])], options);
      const { authid, authrole } = publisher.welcome;
      const [[id, details]] = (await seek(await router().join(), topic)) as [[number, object]];
      expect(id).toBe(publication);
      expect(details).toEqual({
        retained: true,
        publisher: publisher.session,
        publisher_authid: authid,
        publisher_authrole: authrole,
        ppt_scheme: 'x_test',
        ppt_serializer: 'cbor',
      });
    });

    it('honours all six lists, each receiver gets the newest that it may have (RET-2, RET-4)', async () => {
      const publisher = await router().join();
      const [one, two] = [await router().join(), await router().join()];
      const [authid, authrole] = [one.welcome['authid'], one.welcome['authrole']];
      const restrictions: readonly (readonly [options: object, isForOne: boolean, isForTwo: boolean])[] = [
        [{ eligible: [one.session] }, true, false],
        [{ exclude: [one.session] }, false, true],
        [{ eligible_authid: [authid] }, true, false],
        [{ exclude_authid: [authid] }, false, true],
        [{ eligible_authrole: [authrole] }, true, true],
        [{ exclude_authrole: [authrole] }, false, false],
        [{ eligible: [] }, false, false],
      ];
      for (const [options, isForOne, isForTwo] of restrictions) {
        const topic = freshUri();
        const open = await publisher.publishAcknowledged(topic, ['open'], RETAIN);
        const restricted = await publisher.publishAcknowledged(topic, ['restricted'], { ...RETAIN, ...options });
        for (const [subscriber, isEligible] of [
          [one, isForOne],
          [two, isForTwo],
        ] as const) {
          const [[id]] = (await seek(subscriber, topic)) as [[number]];
          expect(id, JSON.stringify(options)).toBe(isEligible ? restricted : open);
        }
      }
    });

    it('leaves the publisher out, unless it wants its own event (RET-2, BRK-7)', async () => {
      const publisher = await router().join();
      const topic = freshUri();
      await publisher.publishAcknowledged(topic, ['for others'], RETAIN);
      expect(await seek(publisher, topic)).toEqual([]);
      await publisher.publishAcknowledged(freshUri(), [], RETAIN);
      const other = freshUri();
      const publication = await publisher.publishAcknowledged(other, ['for all'], { ...RETAIN, exclude_me: false });
      expect(await seek(publisher, other)).toEqual([[publication, { retained: true }, ['for all']]]);
    });

    it('gives a session that publishes behind its own SUBSCRIBE the event once (G10)', async () => {
      const client = await router().join();
      for (let round = 0; round < 20; round++) {
        const topic = freshUri();
        client.request(Code.SUBSCRIBE, SEEK, topic);
        client.publish(topic, ['own'], { ...RETAIN, exclude_me: false });
        const messages = await eventsSoFar(client, client);
        expect(messages[0]![0]).toBe(Code.SUBSCRIBED);
        expect(messages.slice(1).map((event) => event[4])).toEqual([['own']]);
      }
    });

    it('gives a subscriber the value and all later ones, none twice and none missing, while they change', async () => {
      const publisher = await router().join();
      const topic = freshUri();
      let last = 0;
      const state = { isDone: false };
      const publishing = (async () => {
        while (!state.isDone) {
          for (let burst = 0; burst < 5; burst++) publisher.publish(topic, [++last], RETAIN);
          await publisher.publishAcknowledged(topic, [++last], RETAIN);
        }
      })();
      const subscribers: RawClient[] = [];
      for (let count = 0; count < 12; count++) {
        const subscriber = await router().join();
        subscribers.push(subscriber);
        await subscriber.subscribe(topic, SEEK);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      state.isDone = true;
      await publishing;
      for (const subscriber of subscribers) {
        const events = (await eventsSoFar(publisher, subscriber)) as [number, number, number, object, [number]][];
        const numbers = events.map(([, , , , [number]]) => number);
        const [first] = numbers as [number];
        expect(numbers).toEqual(Array.from({ length: last - first + 1 }, (_, index) => first + index));
        expect(events.map(([, , , details]) => details)).toEqual(
          numbers.map((_, index) => (index === 0 ? { retained: true } : {})),
        );
      }
    });
  },
  realm({ topics: [{ uri: 'com.example.', match: 'prefix' }] }),
);

describe('bounds of retention', () => {
  describeConformance(
    'retention of some topics',
    (router) => {
      it('delivers and acknowledges what it does not retain, and counts it', async () => {
        const publisher = await router().join();
        const live = await router().join();
        const stem = `${freshUri()}.kept`;
        await live.subscribe(stem, { match: 'prefix' });
        await publisher.publishAcknowledged(`${stem}.other`, ['unnamed topic'], RETAIN);
        await publisher.publishAcknowledged('com.kept.one', ['kept'], RETAIN);
        await publisher.publishAcknowledged('com.kept.one', ['x'.repeat(101)], RETAIN);
        await publisher.publishAcknowledged('com.kept.two', ['kept'], RETAIN);
        await publisher.publishAcknowledged('com.kept.three', ['one too many'], RETAIN);
        const subscriber = await router().join();
        const values: unknown[] = [];
        for (const topic of [`${stem}.other`, 'com.kept.one', 'com.kept.two', 'com.kept.three']) {
          await subscriber.subscribe(topic, SEEK);
          values.push((await subscriber.fence()).map((event) => event[4]));
        }
        expect(values).toEqual([[], [['kept']], [['kept']], []]);
        expect((await eventsSoFar(publisher, live)).map((event) => event[4])).toEqual([['unnamed topic']]);
        expect(router().counted(({ retainedEvents }) => retainedEvents.message_bytes)).toBeGreaterThan(0);
        expect(router().counted(({ retainedEvents }) => retainedEvents.topics)).toBeGreaterThan(0);
      });

      it('clears a topic with an event without arguments, where that is configured', async () => {
        const publisher = await router().join();
        const values = async (): Promise<unknown[]> => {
          const subscriber = await router().join();
          await subscriber.subscribe('com.kept.one', SEEK);
          return (await subscriber.fence()).map((event) => event[4]);
        };
        for (const nothing of [undefined, []]) {
          await publisher.publishAcknowledged('com.kept.one', ['a value'], RETAIN);
          expect(await values()).toEqual([['a value']]);
          await publisher.publishAcknowledged('com.kept.one', nothing, RETAIN);
          expect(await values()).toEqual([]);
        }
      });
    },
    realm({
      topics: [{ uri: 'com.kept.', match: 'prefix' }],
      maxTopics: 2,
      maxMessageBytes: 100,
      clearOnEmpty: true,
    }),
  );
});
