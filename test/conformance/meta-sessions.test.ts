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
        type: router().transport,
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

describeConformance('a realm that is only read', (router) => {
  it('has no procedures that end sessions', async () => {
    const client = await router().join();
    for (const procedure of ['kill', 'kill_by_authid', 'kill_by_authrole', 'kill_all'])
      expect(await callError(client, client.call(`wamp.session.${procedure}`, [1]))).toBe(ErrorUri.NO_SUCH_PROCEDURE);
  });
});

describeConformance(
  'sessions that are killed',
  (router) => {
    /** GOODBYE, answered. */
    async function killed(client: RawClient): Promise<unknown[]> {
      const [, details, reason] = await client.expect(Code.GOODBYE);
      client.send([Code.GOODBYE, {}, 'wamp.close.goodbye_and_out']);
      return [details, reason];
    }

    it('get GOODBYE with the default reason and no message, on whichever node (SMA-1, SMA-7)', async () => {
      const caller = await router().join();
      for (let node = 0; node < router().nodeCount; node++) {
        const victim = await router().joinAt(node);
        const request = caller.call('wamp.session.kill', [victim.session]);
        expect(await killed(victim)).toEqual([{}, 'wamp.close.killed']);
        expect((await caller.expect(Code.RESULT)).slice(1)).toEqual([request, {}]);
        expect(await callError(caller, caller.call('wamp.session.kill', [victim.session]))).toBe(
          ErrorUri.NO_SUCH_SESSION,
        );
      }
    });

    it('get the reason and the message of the caller (SMA-1)', async () => {
      const [caller, victim] = [await router().join(), await router().join()];
      caller.call('wamp.session.kill', [victim.session], {}, { reason: 'com.example.enough', message: 'go' });
      expect(await killed(victim)).toEqual([{ message: 'go' }, 'com.example.enough']);
      await caller.expect(Code.RESULT);
    });

    it('are named by authid: the answer lists them, and the caller stays', async () => {
      const [caller, victim] = [await router().join(), await router().join()];
      const kill = (authid: unknown): Promise<unknown> => result(caller, 'wamp.session.kill_by_authid', [authid]);
      expect(await kill(victim.welcome['authid'])).toEqual([victim.session]);
      expect(await killed(victim)).toEqual([{}, 'wamp.close.killed']);
      expect(await kill(caller.welcome['authid'])).toEqual([]);
      expect(await kill('nobody')).toEqual([]);
      expect(await caller.fence()).toEqual([]);
    });

    it('are named by authrole: the answer counts them, and the caller stays', async () => {
      const caller = await router().join();
      const victims = [await router().join(), await router().join(), await router().join()];
      expect(await result(caller, 'wamp.session.kill_by_authrole', ['other'])).toBe(0);
      const before = (await result(caller, 'wamp.session.count')) as number;
      expect(await result(caller, 'wamp.session.kill_by_authrole', ['anonymous'])).toBe(before - 1);
      for (const victim of victims) expect(await killed(victim)).toEqual([{}, 'wamp.close.killed']);
      expect(await result(caller, 'wamp.session.list')).toEqual([caller.session]);
    });

    it('leave as all others do, but not by kill_all', async () => {
      const [caller, victim, other] = [await router().join(), await router().join(), await router().join()];
      await caller.subscribe(LEFT);
      caller.call('wamp.session.kill', [victim.session]);
      const events: unknown[] = [];
      while (events.length < 2) events.push((await caller.receive())[0]);
      expect(events.sort()).toEqual([Code.EVENT, Code.RESULT]);
      await killed(victim);
      expect(await result(caller, 'wamp.session.kill_all', [])).toBe(1);
      await killed(other);
      expect(await eventsAbout(router(), caller, [other])).toEqual([]);
    });

    it('are not the caller, nor those of a malformed call', async () => {
      const [caller, other] = [await router().join(), await router().join()];
      const kill = async (args: unknown[], kwargs: object = {}): Promise<unknown> =>
        callError(caller, caller.call('wamp.session.kill', args, {}, kwargs));
      expect(await kill([caller.session])).toBe(ErrorUri.NO_SUCH_SESSION);
      expect(await kill([])).toBe(ErrorUri.INVALID_ARGUMENT);
      expect(await kill([other.session], { reason: '' })).toBe(ErrorUri.INVALID_URI);
      expect(await kill([other.session], { reason: 'not a uri' })).toBe(ErrorUri.INVALID_URI);
      expect(await kill([other.session], { message: 7 })).toBe(ErrorUri.INVALID_ARGUMENT);
      expect(await other.fence()).toEqual([]);
    });
  },
  openRealm({ metaApi: 'all' }),
  'test',
);

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
