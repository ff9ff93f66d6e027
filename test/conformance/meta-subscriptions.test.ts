import { describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance } from '../support/conformance.js';
import { callError, freshUri, receiveUntil } from '../support/exchange.js';
import { DEPARTURES, eventsSoFar, leave } from '../support/fences.js';
import { eventsOf, metaResult, nextEvent, watcherAt } from '../support/meta.js';
import { openRealm } from '../support/open-realm.js';
import { rolesWithout, type RawClient } from '../support/raw-client.js';

const EVENTS = 'wamp.subscription.';
const [CREATED, ADDED, REMOVED, DELETED] = ['on_create', 'on_subscribe', 'on_unsubscribe', 'on_delete'].map(
  (name) => `${EVENTS}${name}`,
) as [string, string, string, string];

async function unsubscribe(client: RawClient, subscription: number): Promise<void> {
  const request = client.request(Code.UNSUBSCRIBE, subscription);
  await receiveUntil(client, ([code, answered]) => code === Code.UNSUBSCRIBED && answered === request);
}

describeConformance('the procedures of the subscription meta API', (router) => {
  it('know a subscription on every node as soon as SUBSCRIBED has come, with one time (UMA-3)', async () => {
    const topic = freshUri('known');
    const [one, two] = [await router().joinAt(0), await router().joinAt(1)];
    const id = await one.subscribe(topic);
    const caller = await router().joinAt(2);
    const details = await metaResult(caller, 'wamp.subscription.get', [id]);
    const created = expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;
    expect(details).toEqual({ id, created, uri: topic, match: 'exact' });
    expect(await two.subscribe(topic)).toBe(id);
    const sessions = [one.session, two.session].sort();
    for (const client of [one, two, caller]) {
      expect(await metaResult(client, 'wamp.subscription.lookup', [topic])).toBe(id);
      expect(await metaResult(client, 'wamp.subscription.lookup', [topic, { match: 'prefix' }])).toBeNull();
      expect(await metaResult(client, 'wamp.subscription.count_subscribers', [id])).toBe(2);
      const listed = (await metaResult(client, 'wamp.subscription.list_subscribers', [id])) as number[];
      expect(listed.sort()).toEqual(sessions);
    }
    one.request(Code.UNSUBSCRIBE, id);
    await one.expect(Code.UNSUBSCRIBED);
    expect(await metaResult(caller, 'wamp.subscription.list_subscribers', [id])).toEqual([two.session]);
    expect(await metaResult(caller, 'wamp.subscription.get', [id])).toEqual(details);
    two.request(Code.UNSUBSCRIBE, id);
    await two.expect(Code.UNSUBSCRIBED);
    expect(await metaResult(caller, 'wamp.subscription.lookup', [topic])).toBeNull();
  });

  it('list and match by policy, without topics of the router (UMA-4)', async () => {
    const [subscriber, caller] = [await router().joinAt(0), await router().joinAt(1)];
    const name = freshUri('pattern');
    const exact = await subscriber.subscribe(`${name}.a.b`);
    const prefix = await subscriber.subscribe(`${name}.a`, { match: 'prefix' });
    const wildcard = await subscriber.subscribe(`${name}..b`, { match: 'wildcard' });
    const hidden = await subscriber.subscribe('wamp.session.on_join');
    const own = { exact: [exact], prefix: [prefix], wildcard: [wildcard] };
    expect(await metaResult(caller, 'wamp.subscription.list', [subscriber.session])).toEqual(own);
    const all = (await metaResult(caller, 'wamp.subscription.list')) as typeof own;
    expect(Object.keys(all).sort()).toEqual(['exact', 'prefix', 'wildcard']);
    expect(all.exact).toContain(exact);
    expect(all.exact).not.toContain(hidden);
    const matching = (await metaResult(caller, 'wamp.subscription.match', [`${name}.a.b`])) as number[];
    expect(matching.sort()).toEqual([exact, prefix, wildcard].sort());
    expect(await metaResult(caller, 'wamp.subscription.match', [`${name}.c`])).toBeNull();
    expect(await metaResult(caller, 'wamp.subscription.lookup', ['wamp.session.on_join'])).toBeNull();
  });

  it('answer wrong arguments by name (UMA-5)', async () => {
    const client = await router().join();
    for (const [procedure, args, error] of [
      ['lookup', [], ErrorUri.INVALID_ARGUMENT],
      ['lookup', ['com.x', { match: 'fuzzy' }], ErrorUri.INVALID_ARGUMENT],
      ['match', [7], ErrorUri.INVALID_ARGUMENT],
      ['get', [7], ErrorUri.NO_SUCH_SUBSCRIPTION],
      ['list_subscribers', [7], ErrorUri.NO_SUCH_SUBSCRIPTION],
      ['count_subscribers', [7], ErrorUri.NO_SUCH_SUBSCRIPTION],
      ['list', [7], ErrorUri.NO_SUCH_SESSION],
      ['remove_subscriber', [7, 7], ErrorUri.NO_SUCH_PROCEDURE],
    ] as const)
      expect(await callError(client, client.call(`wamp.subscription.${procedure}`, [...args]))).toBe(error);
  });
});

describeConformance('the events of the subscription meta API', (router) => {
  it.each(['exact', 'prefix', 'wildcard'])(
    'publish the life of a subscription once and in order, at every node: %s (UMA-1, UMA-6)',
    async (match) => {
      const watchers: RawClient[] = [];
      for (let node = 0; node < router().nodeCount; node++) watchers.push(await watcherAt(router(), node, EVENTS));
      const [one, two, three] = [await router().joinAt(0), await router().joinAt(1), await router().joinAt(1)];
      const topic = match === 'wildcard' ? `${freshUri('life')}..end` : freshUri('life');
      const id = await one.subscribe(topic, { match });
      for (const client of [two, three]) await client.subscribe(topic, { match });
      // Once more: no events (UMA-3).
      await two.subscribe(topic, { match });
      const details = await metaResult(one, 'wamp.subscription.get', [id]);
      for (const watcher of watchers) {
        expect(await eventsOf(router(), watcher, id)).toEqual([
          [CREATED, one.session, details],
          [ADDED, one.session, id],
          [ADDED, two.session, id],
          [ADDED, three.session, id],
        ]);
      }
      for (const client of [one, two]) {
        await unsubscribe(client, id);
        for (const watcher of watchers) expect(await nextEvent(watcher, id)).toEqual([REMOVED, client.session]);
      }
      await unsubscribe(three, id);
      for (const watcher of watchers) {
        expect(await nextEvent(watcher, id)).toEqual([REMOVED, three.session]);
        expect(await nextEvent(watcher, id)).toEqual([DELETED, three.session]);
        expect(await eventsOf(router(), watcher, id)).toEqual([]);
      }
      expect(await metaResult(one, 'wamp.subscription.lookup', [topic, { match }])).toBeNull();
    },
  );

  it('come when a publication reaches the subscriber: the recipe that waits for a receiver (UMA-2)', async () => {
    for (let node = 0; node < router().nodeCount; node++) {
      const publisher = await router().joinAt(0);
      await publisher.subscribe(CREATED);
      const subscriber = await router().joinAt(node);
      const topic = freshUri('receiver');
      const request = subscriber.request(Code.SUBSCRIBE, {}, topic);
      expect((await publisher.expect(Code.EVENT))[4]).toEqual([
        subscriber.session,
        expect.objectContaining({ uri: topic, match: 'exact' }),
      ]);
      publisher.publish(topic, ['first']);
      const [code, answered] = await subscriber.receive();
      expect([code, answered]).toEqual([Code.SUBSCRIBED, request]);
      expect((await subscriber.expect(Code.EVENT))[4]).toEqual(['first']);
    }
  });

  it('come after SUBSCRIBED to the same session, and have no topic of the router as their subject (UMA-2, UMA-4, X-26)', async () => {
    const client = await router().join();
    await client.subscribe(EVENTS, { match: 'prefix' });
    await client.subscribe('wamp.session.on_join');
    const request = client.request(Code.SUBSCRIBE, {}, freshUri('own'));
    const before = await receiveUntil(client, ([code]) => code === Code.SUBSCRIBED);
    expect(before.filter(([, , , , args]) => (args as unknown[] | undefined)?.[0] === client.session)).toEqual([]);
    const [, answered, id] = before.at(-1) as [number, number, number];
    expect(answered).toBe(request);
    expect(await nextEvent(client, id)).toEqual([CREATED, client.session]);
    expect(await nextEvent(client, id)).toEqual([ADDED, client.session]);
    await unsubscribe(client, id);
  });

  it.each([
    ['on_subscribe', 'on_unsubscribe'],
    ['on_create', 'on_delete'],
  ])('publish the end to a session that does not receive the beginning: %s, %s', async (_begin, end) => {
    for (let node = 0; node < router().nodeCount; node++) {
      const subscriber = await router().joinAt(node);
      const [first, second] = [await router().joinAt(0), await router().joinAt(0)];
      await first.subscribe(`${EVENTS}${end}`);
      const id = await subscriber.subscribe(freshUri('end'));
      await second.subscribe(`${EVENTS}${end}`);
      await unsubscribe(subscriber, id);
      for (const watcher of [first, second])
        await receiveUntil(watcher, ([, , , , args]) => {
          const [session, about] = args as [number, number];
          return session === subscriber.session && about === id;
        });
    }
  });

  describe.each(DEPARTURES)('when the last subscriber ends by %s', (how) => {
    it('are on_unsubscribe and on_delete (UMA-1)', async () => {
      for (let node = 0; node < router().nodeCount; node++) {
        const watcher = await watcherAt(router(), 0, EVENTS);
        const [subscriber, witness] = [await router().joinAt(node), await router().joinAt(node)];
        const id = await subscriber.subscribe(freshUri('last'));
        expect(await nextEvent(watcher, id)).toEqual([CREATED, subscriber.session]);
        expect(await nextEvent(watcher, id)).toEqual([ADDED, subscriber.session]);
        await leave(subscriber, how, witness);
        expect(await nextEvent(watcher, id)).toEqual([REMOVED, subscriber.session]);
        expect(await nextEvent(watcher, id)).toEqual([DELETED, subscriber.session]);
        expect(await eventsOf(router(), watcher, id)).toEqual([]);
      }
    });
  });
});

describeConformance(
  'the subscription meta API with metaApi: all',
  (router) => {
    it('takes a subscription from a session, which is notified if it announced that (rules 7.9)', async () => {
      const admin = await router().join();
      const watcher = await watcherAt(router(), 0, EVENTS);
      for (let node = 0; node < router().nodeCount; node++) {
        const [subscriber, quiet] = [
          await router().joinAt(node),
          await router().joinAt(node, { roles: rolesWithout('subscription_revocation') }),
        ];
        const topic = freshUri('revoked');
        const id = await subscriber.subscribe(topic);
        await quiet.subscribe(topic);
        const remove = (session: number): number =>
          admin.call('wamp.subscription.remove_subscriber', [id, session], {}, { reason: 'com.example.why' });
        expect(await callError(admin, remove(admin.session))).toBe(ErrorUri.NO_SUCH_SESSION);
        for (const one of [subscriber, quiet]) {
          remove(one.session);
          expect((await admin.expect(Code.RESULT))[3]).toEqual([null]);
        }
        const revoked = { subscription: id, reason: 'com.example.why' };
        expect(await subscriber.receive()).toEqual([Code.UNSUBSCRIBED, 0, revoked]);
        expect(await eventsSoFar(await router().joinAt(node), quiet)).toEqual([]);
        const sessions = [subscriber, quiet].map(({ session }) => session);
        const life = [CREATED, ADDED, ADDED, REMOVED, REMOVED, DELETED];
        const seen: unknown[] = [];
        for (let count = 0; count < life.length; count++) seen.push(await nextEvent(watcher, id));
        expect(seen).toEqual(life.map((event, at) => [event, sessions[[0, 0, 1, 0, 1, 1][at]!]]));
        expect(await callError(admin, remove(subscriber.session))).toBe(ErrorUri.NO_SUCH_SUBSCRIPTION);
        subscriber.request(Code.UNSUBSCRIBE, id);
        expect((await subscriber.expect(Code.ERROR))[4]).toBe(ErrorUri.NO_SUCH_SUBSCRIPTION);
        expect(await subscriber.subscribe(topic)).toBe(id);
      }
    });

    it('does not take topics of the router, and answers wrong arguments by name (UMA-4)', async () => {
      const client = await router().join();
      const id = await client.subscribe('wamp.session.on_join');
      for (const [args, error] of [
        [[id, client.session], ErrorUri.NO_SUCH_SUBSCRIPTION],
        [[id], ErrorUri.INVALID_ARGUMENT],
        [[id, client.session, 'no uri #'], ErrorUri.INVALID_URI],
      ] as const)
        expect(await callError(client, client.call('wamp.subscription.remove_subscriber', [...args]))).toBe(error);
    });
  },
  openRealm({ metaApi: 'all' }),
);
