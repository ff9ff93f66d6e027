import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { describeConformance } from '../support/conformance.js';
import { freshUri } from '../support/exchange.js';
import { eventsSoFar } from '../support/fences.js';
import type { RawClient } from '../support/raw-client.js';

type Match = 'exact' | 'prefix' | 'wildcard';

/** PBS-1 (PBR-2, PBR-3), written down a second time. */
function matches(pattern: string, match: Match, topic: string): boolean {
  if (match === 'exact') return topic === pattern;
  if (match === 'prefix') return topic.startsWith(pattern);
  const [wanted, given] = [pattern.split('.'), topic.split('.')];
  return wanted.length === given.length && wanted.every((part, index) => part === '' || part === given[index]);
}

/** A sequence of numbers that is always the same, and looks as if it were not. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describeConformance('pattern-subscription', (router) => {
  /** Which of these topics a subscriber with this pattern receives. */
  async function received(pattern: string, match: Match, topics: readonly string[]): Promise<unknown[]> {
    const publisher = await router().join();
    const subscriber = await router().join();
    await subscriber.subscribe(pattern, { match });
    for (const topic of topics) publisher.publish(topic, [topic]);
    return (await eventsSoFar(publisher, subscriber)).map(([, , , , args]) => (args as unknown[])[0]);
  }

  it('reads a prefix as a string, not by components (PBS-1, PBR-2)', async () => {
    const uri = freshUri();
    const matching = ['news', 'newspaper', 'news.sport', 'news-flash.a.b'].map((tail) => `${uri}.${tail}`);
    const others = ['new', 'NEWS', 'x.news'].map((tail) => `${uri}.${tail}`);
    expect(await received(`${uri}.news`, 'prefix', [...matching, ...others])).toEqual(matching);
  });

  it('takes a trailing dot of a prefix for the end of a component (PBS-1, URI-3)', async () => {
    const uri = freshUri();
    expect(await received(`${uri}.`, 'prefix', [uri, `${uri}.sub`, `${uri}x`, `${uri}.sub.sub`])).toEqual([
      `${uri}.sub`,
      `${uri}.sub.sub`,
    ]);
  });

  it('gives everything to a subscriber of the empty prefix (PBS-1, URI-3)', async () => {
    const uri = freshUri();
    const topics = [uri, `${uri}.sub`, 'x', 'org.other'];
    const events = await received('', 'prefix', topics);
    expect(events.filter((topic) => topics.includes(topic as string))).toEqual(topics);
  });

  it('lets each empty component of a wildcard stand for exactly one, wherever it is (PBS-1, PBR-3)', async () => {
    const uri = freshUri();
    const tails = ['a.end', 'b.end', 'end', 'a.b.end', 'a.END', 'a.end.b', 'a.endx'];
    const topics = tails.map((tail) => `${uri}.${tail}`);
    expect(await received(`${uri}..end`, 'wildcard', topics)).toEqual(topics.slice(0, 2));
    const own = uri.split('.').at(-1)!;
    const around = [`x.${own}.y`, `${own}.y`, `x.${own}`, `x.y.${own}.z`, `a.${own}.b`];
    expect(await received(`.${own}.`, 'wildcard', around)).toEqual([`x.${own}.y`, `a.${own}.b`]);
  });

  it.each([false, true])(
    'sends a large payload once for each matching subscription, in order (batched: %s) (BRK-8, PBS-2, ORD-1)',
    async (isBatched) => {
      const uri = freshUri();
      const publisher = await router().join();
      const subscriber = await router().join({ isBatched });
      const subscriptions: unknown[] = [];
      for (const [pattern, match] of [
        [`${uri}.a.b`, 'exact'],
        [`${uri}.`, 'prefix'],
        [`${uri}.a.`, 'prefix'],
        [`${uri}..b`, 'wildcard'],
        [`${uri}.a.`, 'wildcard'],
      ] as const) {
        subscriptions.push(await subscriber.subscribe(pattern, { match }));
      }
      const payloads = ['x'.repeat(100_000), 'small', 'y'.repeat(50_000)];
      for (const payload of payloads) publisher.publish(`${uri}.a.b`, [payload]);
      const events = await eventsSoFar(publisher, subscriber);
      expect(events.map(([, , , , args]) => (args as string[])[0])).toEqual(
        payloads.flatMap((payload) => subscriptions.map(() => payload)),
      );
      for (const [index] of payloads.entries()) {
        const ofOne = events.slice(index * subscriptions.length, (index + 1) * subscriptions.length);
        expect(new Set(ofOne.map(([, subscription]) => subscription)).size).toBe(subscriptions.length);
        expect(new Set(ofOne.map(([, , publication]) => publication)).size).toBe(1);
      }
    },
  );

  it.each(['prefix', 'wildcard'])('takes a %s without a gap for the URI itself at least (PBS-1)', async (match) => {
    const uri = freshUri();
    expect(await received(uri, match as Match, [uri, `x.${uri}`])).toEqual([uri]);
  });

  it('delivers once for every subscription that matches, as one publication (PBS-2, BRK-8)', async () => {
    const topic = `${freshUri()}.a.b`;
    const publisher = await router().join();
    const subscriber = await router().join();
    const ids = [await subscriber.subscribe(topic)];
    for (let length = topic.length; length > topic.length - 4; length--)
      ids.push(await subscriber.subscribe(topic.slice(0, length), { match: 'prefix' }));
    const parts = topic.split('.');
    for (let gap = 0; gap < parts.length; gap++)
      ids.push(
        await subscriber.subscribe(parts.map((part, index) => (index === gap ? '' : part)).join('.'), {
          match: 'wildcard',
        }),
      );
    const publication = await publisher.publishAcknowledged(topic, ['news']);
    const events = await eventsSoFar(publisher, subscriber);
    expect(events.map(([, subscription]) => subscription).sort()).toEqual([...ids].sort());
    expect(new Set(events.map(([, , id]) => id))).toEqual(new Set([publication]));
    for (const event of events) expect(event[4]).toEqual(['news']);
  });

  it('names the topic for patterns, and for the topic itself nothing (PBS-3)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const details = new Map<Match, unknown>();
    const ids = new Map<unknown, Match>();
    const subscriber = await router().join();
    for (const match of ['prefix', 'exact', 'wildcard'] as const)
      ids.set(await subscriber.subscribe(topic, { match }), match);
    publisher.publish(topic, ['news']);
    for (const event of await eventsSoFar(publisher, subscriber)) details.set(ids.get(event[1])!, event[3]);
    expect(details).toEqual(
      new Map<Match, unknown>([
        ['exact', {}],
        ['prefix', { topic }],
        ['wildcard', { topic }],
      ]),
    );
  });

  it('names the published topic, not the pattern, to every subscriber (PBS-3)', async () => {
    const uri = freshUri();
    const publisher = await router().join();
    const subscribers = [await router().join(), await router().join(), await router().join()];
    for (const subscriber of subscribers) await subscriber.subscribe(`${uri}..end`, { match: 'wildcard' });
    const topics = ['one', 'two', 'three'].map((part) => `${uri}.${part}.end`);
    for (const topic of topics) publisher.publish(topic);
    for (const subscriber of subscribers)
      for (const topic of topics) expect((await subscriber.receive())[3]).toEqual({ topic });
  });

  it('gives subscriptions of the same string by different matches ids of their own, on all nodes alike (PBS-4, BRK-3)', async () => {
    const topic = freshUri();
    const subscribers = [await router().join(), await router().join(), await router().join()];
    const ids = new Map<string, Set<number>>();
    for (const match of ['exact', 'prefix', 'wildcard'])
      for (const subscriber of subscribers) {
        const id = await subscriber.subscribe(topic, { match });
        ids.set(match, (ids.get(match) ?? new Set()).add(id));
        // Again by the same session: the same (BRK-2).
        expect(await subscriber.subscribe(topic, { match })).toBe(id);
      }
    expect([...ids.values()].map((each) => each.size)).toEqual([1, 1, 1]);
    expect(new Set([...ids.values()].flatMap((each) => [...each])).size).toBe(3);
  });

  it('ends one subscription and leaves the others of the same string (PBS-4, BRK-5)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const subscriber = await router().join();
    const ids = new Set<unknown>();
    for (const match of ['exact', 'prefix', 'wildcard']) ids.add(await subscriber.subscribe(topic, { match }));
    for (const id of [...ids]) {
      publisher.publish(topic, ['news']);
      const events = await eventsSoFar(publisher, subscriber);
      expect(new Set(events.map(([, subscription]) => subscription))).toEqual(ids);
      subscriber.request(Code.UNSUBSCRIBE, id);
      await subscriber.expect(Code.UNSUBSCRIBED);
      ids.delete(id);
    }
    publisher.publish(topic, ['nobody listens']);
    expect(await eventsSoFar(publisher, subscriber)).toEqual([]);
  });

  it.each([
    ['com..x', 'exact'],
    ['com.x.', 'exact'],
    ['', 'exact'],
    ['com..x', 'prefix'],
    ['com.with space', 'prefix'],
    ['com.#.', 'wildcard'],
  ])('refuses to subscribe to "%s" by %s (3.2)', async (uri, match) => {
    const subscriber = await router().join();
    const request = subscriber.request(Code.SUBSCRIBE, { match }, uri);
    expect((await subscriber.receive()).slice(0, 5)).toEqual([
      Code.ERROR,
      Code.SUBSCRIBE,
      request,
      {},
      'wamp.error.invalid_uri',
    ]);
  });

  it('finds every pattern that matches among many, and no other (PBS-2, PBS-5)', async () => {
    const own = freshUri();
    const draw = numbers(7);
    const part = (): string => ['a', 'b', 'ab', 'c', 'abc'][draw(5)]!;
    const tail = (): string => Array.from({ length: 1 + draw(4) }, part).join('.');
    const publisher = await router().join();
    const subscribers: { client: RawClient; patterns: Map<number, [string, Match]> }[] = [];
    for (let index = 0; index < 3; index++) {
      const client = await router().join();
      const patterns = new Map<number, [string, Match]>();
      for (let count = 0; count < 100; count++) {
        const match = (['exact', 'prefix', 'wildcard'] as const)[draw(3)]!;
        const uri = `${own}.${tail()}`;
        const gaps = uri.split('.').map((one, place) => (place > 2 && draw(2) === 0 ? '' : one));
        const pattern =
          match === 'wildcard' ? gaps.join('.') : uri.slice(0, match === 'prefix' ? -draw(3) || undefined : undefined);
        if (pattern.endsWith('.') && match === 'exact') continue;
        patterns.set(await client.subscribe(pattern, { match }), [pattern, match]);
      }
      subscribers.push({ client, patterns });
    }
    const topics = Array.from({ length: 100 }, () => `${own}.${tail()}`);
    for (const [number, topic] of topics.entries()) publisher.publish(topic, [number]);
    for (const { client, patterns } of subscribers) {
      const events = await eventsSoFar(publisher, client);
      const byPattern = new Map<string, number[]>();
      for (const [, id, , details, args] of events) {
        const [pattern, match] = patterns.get(id as number)!;
        const [number] = args as [number];
        expect(details).toEqual(match === 'exact' ? {} : { topic: topics[number] });
        byPattern.set(`${match} ${pattern}`, [...(byPattern.get(`${match} ${pattern}`) ?? []), number]);
      }
      for (const [pattern, match] of patterns.values()) {
        const expected = topics.flatMap((topic, number) => (matches(pattern, match, topic) ? [number] : []));
        expect([pattern, match, byPattern.get(`${match} ${pattern}`) ?? []]).toEqual([pattern, match, expected]);
      }
    }
  });
});
