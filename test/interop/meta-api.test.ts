import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { META_PROCEDURES } from '../../src/routing/meta/procedures.js';
import { MetaTopic } from '../../src/routing/meta/topics.js';
import { startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import { GantryProcess } from '../support/gantry-process.js';
import { openRealm } from '../support/open-realm.js';
import { findPython } from '../support/python.js';
import type { AppClient, AppEvent, Payload } from './clients/app-client.js';
import { joinAutobahn } from './clients/autobahn-client.js';
import { joinPython, PythonClient } from './clients/python-client.js';
import { EventLog, freshUri, join, KINDS, nameOf } from './pairs.js';

const HISTORY = 'com.example.history';
const config = openRealm({
  requestIdCheck: 'strict',
  metaApi: 'all',
  history: [{ uri: HISTORY, match: 'exact' }],
});
const TOPOLOGIES = {
  '1 node': () => startCluster(1, config),
  '3 nodes over Redis': () => startRedisCluster(3, config),
};

/** A session of a client library that calls and watches. */
interface Caller extends Pick<AppClient, 'session' | 'ended' | 'leave'> {
  subscribe(topic: string, handler: (event: AppEvent) => void): Promise<unknown>;
  call(procedure: string, payload?: Partial<Payload>): { readonly result: Promise<Payload> };
}

type Joins = (url: string) => Promise<Caller>;

const python = findPython();
const SERIALIZERS = ['json', 'msgpack', 'cbor'] as const;
const pythons = python === undefined ? [] : SERIALIZERS.map((serializer) => [python, serializer] as const);
const CALLERS: readonly (readonly [string, Joins])[] = [
  ...KINDS.map((kind) => [nameOf(kind), (url: string) => join(kind, url)] as const),
  ...pythons.map(
    ([program, serializer]) =>
      [`autobahn-python ${serializer}`, (url: string) => joinPython(program, url, serializer)] as const,
  ),
];

/** Every procedure that has been called. */
const called = new Set<string>();

async function resultOf(caller: Caller, procedure: string, args: unknown[] = [], kwargs = {}): Promise<unknown> {
  called.add(procedure);
  return (await caller.call(procedure, { args, kwargs }).result).args[0];
}

async function watch(caller: Caller, topic: string): Promise<EventLog> {
  const log = new EventLog();
  await caller.subscribe(topic, log.add);
  return log;
}

async function argsOfNext(log: EventLog): Promise<unknown[]> {
  return (await log.take(1))[0]!.args;
}

describe.each(Object.entries(TOPOLOGIES))('the meta API with client libraries [%s]', (_topology, start) => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await start();
  });
  afterAll(() => cluster.stop());

  const other = (): Promise<AppClient> => joinAutobahn(cluster.url(1), 'json');

  describe.each(CALLERS)('%s', (_name, joinCaller) => {
    it('lists, describes, watches and closes sessions (SMA-1, SMA-2, SMA-5)', async () => {
      const caller = await joinCaller(cluster.url(0));
      const joined = await watch(caller, MetaTopic.SESSION_JOINED);
      const left = await watch(caller, MetaTopic.SESSION_LEFT);
      const { session, ended } = await other();
      const call = (procedure: string, ...args: unknown[]): Promise<unknown> =>
        resultOf(caller, `wamp.session.${procedure}`, args);
      // Rows of sessions of the test before may take a moment to go.
      await expect.poll(() => call('count')).toBe(2);
      expect(((await call('list', ['anonymous'])) as number[]).sort()).toEqual([caller.session, session].sort());
      const details = await call('get', session);
      expect(details).toMatchObject({ session, authrole: 'anonymous', authmethod: 'anonymous' });
      expect(await argsOfNext(joined)).toEqual([details]);
      if (caller instanceof PythonClient)
        expect(await caller.readSession(details)).toMatchObject({ session, realm: 'realm1', authrole: 'anonymous' });
      // Without a result: the libraries differ in what they make of it.
      await resultOf(caller, 'wamp.session.kill', [session], { reason: 'com.example.enough' });
      expect(await ended).toContain('com.example.enough');
      const { authid } = details as { authid: string };
      expect(await argsOfNext(left)).toEqual([session, authid, 'anonymous']);
      await expect(call('get', session)).rejects.toMatchObject({ uri: 'wamp.error.no_such_session' });
      expect(await call('kill_by_authid', 'nobody')).toEqual([]);
      expect(await call('kill_by_authrole', 'nobody')).toBe(0);
      expect(await call('kill_all')).toBe(0);
      await caller.leave();
    });

    it('closes the sessions of others, never its own (SMA-1, SMA-5)', async () => {
      const caller = await joinCaller(cluster.url(0));
      const [one, two, three] = [await other(), await other(), await other()];
      const { authid } = (await resultOf(caller, 'wamp.session.get', [one.session])) as { authid: string };
      expect(await resultOf(caller, 'wamp.session.kill_by_authid', [authid])).toEqual([one.session]);
      expect(await one.ended).toBe('wamp.close.killed');
      expect(await resultOf(caller, 'wamp.session.kill_by_authrole', ['anonymous', 'com.example.over'])).toBe(2);
      expect([await two.ended, await three.ended]).toEqual(['com.example.over', 'com.example.over']);
      const four = await other();
      expect(await resultOf(caller, 'wamp.session.kill_all')).toBe(1);
      expect(await four.ended).toBe('wamp.close.killed');
      await caller.leave();
    });

    it('finds, watches and removes callees (RMA-1)', async () => {
      const caller = await joinCaller(cluster.url(0));
      const created = await watch(caller, MetaTopic.REGISTRATION_CREATED);
      const added = await watch(caller, MetaTopic.CALLEE_ADDED);
      const removed = await watch(caller, MetaTopic.CALLEE_REMOVED);
      const deleted = await watch(caller, MetaTopic.REGISTRATION_DELETED);
      const callee = await other();
      const procedure = freshUri();
      await callee.register(procedure, ({ args }) => ({ args }));
      const call = (name: string, ...args: unknown[]): Promise<unknown> =>
        resultOf(caller, `wamp.registration.${name}`, args);
      const id = (await call('lookup', procedure, { match: 'exact' })) as number;
      expect(await call('match', procedure)).toBe(id);
      const details = await call('get', id);
      expect(details).toMatchObject({ id, uri: procedure, match: 'exact', invoke: 'single' });
      expect(await argsOfNext(created)).toEqual([callee.session, details]);
      expect(await argsOfNext(added)).toEqual([callee.session, id]);
      expect(await call('list')).toEqual({ exact: [id], prefix: [], wildcard: [] });
      expect(await call('list_callees', id)).toEqual([callee.session]);
      expect(await call('count_callees', id)).toBe(1);
      await call('remove_callee', id, callee.session, 'com.example.enough');
      expect(await argsOfNext(removed)).toEqual([callee.session, id]);
      expect(await argsOfNext(deleted)).toEqual([callee.session, id]);
      await expect(call('get', id)).rejects.toMatchObject({ uri: 'wamp.error.no_such_registration' });
      await Promise.all([callee.leave(), caller.leave()]);
    });

    it('finds, watches and removes subscribers (UMA-1, UMA-4, UMA-5)', async () => {
      const caller = await joinCaller(cluster.url(0));
      const created = await watch(caller, MetaTopic.SUBSCRIPTION_CREATED);
      const added = await watch(caller, MetaTopic.SUBSCRIBER_ADDED);
      const removed = await watch(caller, MetaTopic.SUBSCRIBER_REMOVED);
      const deleted = await watch(caller, MetaTopic.SUBSCRIPTION_DELETED);
      const subscriber = await other();
      const topic = freshUri();
      await subscriber.subscribe(topic, () => undefined, { match: 'prefix' });
      const call = (name: string, ...args: unknown[]): Promise<unknown> =>
        resultOf(caller, `wamp.subscription.${name}`, args);
      const id = (await call('lookup', topic, { match: 'prefix' })) as number;
      expect(await call('match', `${topic}.more`)).toEqual([id]);
      const details = await call('get', id);
      expect(details).toMatchObject({ id, uri: topic, match: 'prefix' });
      expect(await argsOfNext(created)).toEqual([subscriber.session, details]);
      expect(await argsOfNext(added)).toEqual([subscriber.session, id]);
      expect(await call('list')).toEqual({ exact: [], prefix: [id], wildcard: [] });
      expect(await call('list_subscribers', id)).toEqual([subscriber.session]);
      expect(await call('count_subscribers', id)).toBe(1);
      await call('remove_subscriber', id, subscriber.session, 'com.example.enough');
      expect(await argsOfNext(removed)).toEqual([subscriber.session, id]);
      expect(await argsOfNext(deleted)).toEqual([subscriber.session, id]);
      await expect(call('get', id)).rejects.toMatchObject({ uri: 'wamp.error.no_such_subscription' });
      await Promise.all([subscriber.leave(), caller.leave()]);
    });

    it('reads the history, and leaves a testament (HIS-1, TST-1)', async () => {
      const caller = await joinCaller(cluster.url(0));
      const publisher = await other();
      const testament = new EventLog();
      const topic = freshUri();
      await publisher.subscribe(topic, testament.add);
      await publisher.publish(HISTORY, { args: ['kept'] });
      const id = await historyId(caller);
      const newest = await resultOf(caller, 'wamp.subscription.get_events', [id], { reverse: true, limit: 1 });
      expect(newest).toMatchObject({ args: ['kept'] });
      await resultOf(caller, 'wamp.session.add_testament', [topic, ['flushed'], {}]);
      await resultOf(caller, 'wamp.session.flush_testaments');
      await resultOf(caller, 'wamp.session.add_testament', [topic, ['gone'], {}]);
      await caller.leave();
      expect(await argsOfNext(testament)).toEqual(['gone']);
      await publisher.leave();
    });
  });

  it('ends gantry subscribe, which prints the reason (UMA-1)', async () => {
    const caller = await joinAutobahn(cluster.url(0), 'json');
    const topic = freshUri();
    const command = new GantryProcess(['subscribe', topic, '--url', cluster.url(1)]);
    onTestFinished(() => command.signal('SIGKILL'));
    await command.printed('stderr', /subscribed to/);
    const id = await resultOf(caller, 'wamp.subscription.lookup', [topic]);
    const [session] = (await resultOf(caller, 'wamp.subscription.list_subscribers', [id])) as [number];
    await resultOf(caller, 'wamp.subscription.remove_subscriber', [id, session, 'com.example.enough']);
    expect(await command.exit).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'wamp.error.no_such_subscription ["the router revoked it: com.example.enough"]\n',
      ),
    });
    await caller.leave();
  });

  it('covers every procedure of the table', () => {
    expect([...called].sort()).toEqual(expect.arrayContaining(Object.keys(META_PROCEDURES)));
  });
});

/** The id under which the history of the topic is read. */
async function historyId(caller: Caller): Promise<number> {
  await caller.subscribe(HISTORY, () => undefined);
  return (await resultOf(caller, 'wamp.subscription.lookup', [HISTORY])) as number;
}
