import { describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { callError } from '../support/exchange.js';
import { DEPARTURES, eventsSoFar, leave } from '../support/fences.js';
import { openRealm } from '../support/open-realm.js';
import type { RawClient } from '../support/raw-client.js';

const JOINED = 'wamp.session.on_join';
const LEFT = 'wamp.session.on_leave';

/** The one positional result. */
async function result(caller: RawClient, procedure: string, args: unknown[] = []): Promise<unknown> {
  const request = caller.call(procedure, args);
  const [, answered, details, values] = await caller.expect(Code.RESULT);
  expect([answered, details]).toEqual([request, {}]);
  expect(values).toHaveLength(1);
  return (values as unknown[])[0];
}

/** The arguments of the events that the subscriber has received of this topic, about sessions of `about`. */
async function eventsAbout(router: Router, subscriber: RawClient, about: readonly RawClient[]): Promise<unknown[]> {
  const ids = new Set(about.map(({ session }) => session));
  const received: unknown[] = [];
  for (let node = 0; node < router.nodeCount; node++) {
    const witness = await router.joinAt(node);
    received.push(...(await eventsSoFar(witness, subscriber)));
  }
  return received.flatMap((message) => {
    const args = (message as unknown[])[4] as unknown[];
    const [first] = args;
    const id = typeof first === 'number' ? first : (first as { session: number }).session;
    return ids.has(id) ? [args] : [];
  });
}

describeConformance('the session meta API', (router) => {
  it('counts and lists every session of the realm, on whichever node (SMA-5)', async () => {
    const clients = [await router().join(), await router().join(), await router().join()];
    for (const client of clients) {
      const listed = (await result(client, 'wamp.session.list')) as number[];
      for (const { session } of clients) expect(listed).toContain(session);
      expect(await result(client, 'wamp.session.count')).toBe(listed.length);
    }
  });

  it('filters by authrole; an empty filter stands for none (SMA-8)', async () => {
    const client = await router().join();
    const all = (await result(client, 'wamp.session.list')) as number[];
    expect(await result(client, 'wamp.session.list', [['anonymous', 'other']])).toEqual(all);
    expect(await result(client, 'wamp.session.list', [[]])).toEqual(all);
    expect(await result(client, 'wamp.session.list', [['other']])).toEqual([]);
    expect(await result(client, 'wamp.session.count', [['anonymous']])).toBe(all.length);
    expect(await result(client, 'wamp.session.count', [['other']])).toBe(0);
  });

  it('returns the details of a session, and nothing secret (SMA-6)', async () => {
    const [caller, other] = [await router().join(), await router().join()];
    const { authid, authrole, authmethod, authprovider } = other.welcome;
    expect(await result(caller, 'wamp.session.get', [other.session])).toEqual({
      session: other.session,
      realm: 'realm1',
      authid,
      authrole,
      authmethod,
      authprovider,
      transport: {
        type: 'websocket',
        protocol: `wamp.2.${router().serializer}`,
        serializer: router().serializer,
      },
    });
  });

  it('answers wrong arguments by name (SMA-4)', async () => {
    const client = await router().join();
    for (const [procedure, args] of [
      ['wamp.session.get', []],
      ['wamp.session.get', ['a']],
      ['wamp.session.get', [0]],
      ['wamp.session.count', ['anonymous']],
      ['wamp.session.list', [[1]]],
    ] as const)
      expect(await callError(client, client.call(procedure, [...args]))).toBe(ErrorUri.INVALID_ARGUMENT);
    expect(await callError(client, client.call('wamp.session.get', [1]))).toBe(ErrorUri.NO_SUCH_SESSION);
  });

  it('publishes each join once, with the details that get returns, after WELCOME (SMA-2)', async () => {
    const subscriber = await router().join();
    await subscriber.subscribe(JOINED);
    const clients: RawClient[] = [];
    for (let node = 0; node < 3; node++) clients.push(await router().joinAt(node));
    const details: unknown[] = [];
    for (const { session } of clients) details.push([await result(clients[0]!, 'wamp.session.get', [session])]);
    const received = await eventsAbout(router(), subscriber, clients);
    expect(received).toHaveLength(details.length);
    expect(received).toEqual(expect.arrayContaining(details));
  });

  describe.each(DEPARTURES)('when a session ends by %s', (how) => {
    it('publishes that once, when the session is gone for get (SMA-2, SMA-3)', async () => {
      const subscriber = await router().join();
      await subscriber.subscribe(LEFT);
      for (let node = 0; node < router().nodeCount; node++) {
        const [leaver, witness] = [await router().joinAt(node), await router().joinAt(node)];
        await leaver.subscribe(LEFT);
        const { session } = leaver;
        const { authid, authrole } = leaver.welcome;
        await leave(leaver, how, witness);
        const [, , , , args] = await subscriber.expect(Code.EVENT);
        expect(args).toEqual([session, authid, authrole]);
        expect(await callError(subscriber, subscriber.call('wamp.session.get', [session]))).toBe(
          ErrorUri.NO_SUCH_SESSION,
        );
        expect(await eventsAbout(router(), subscriber, [leaver])).toEqual([]);
      }
    });
  });

  it('publishes to patterns with the topic, like any other event (PBS-3)', async () => {
    const subscriber = await router().join();
    await subscriber.subscribe('wamp.session.', { match: 'prefix' });
    const client = await router().join();
    const [, , , details, args] = await subscriber.expect(Code.EVENT);
    expect(details).toEqual({ topic: JOINED });
    expect(args).toMatchObject([{ session: client.session }]);
  });
});

describeConformance(
  'a realm without the meta API',
  (router) => {
    it('has no such procedures, and publishes nothing', async () => {
      const client = await router().join();
      await client.subscribe('', { match: 'prefix' });
      for (const procedure of ['count', 'list', 'get'])
        expect(await callError(client, client.call(`wamp.session.${procedure}`, [1]))).toBe(ErrorUri.NO_SUCH_PROCEDURE);
      const other = await router().join();
      expect(await eventsSoFar(other, client)).toEqual([]);
    });
  },
  openRealm({ metaApi: 'off' }),
);
