import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import { openRealm } from '../support/open-realm.js';
import { RawClient } from '../support/raw-client.js';
import { Code } from '../../src/wamp/codes.js';

/** More than end in one step. */
const COUNT = 450;
const TOPICS = {
  unsubscribed: 'wamp.subscription.on_unsubscribe',
  deletedTopic: 'wamp.subscription.on_delete',
  unregistered: 'wamp.registration.on_unregister',
  deletedProcedure: 'wamp.registration.on_delete',
  left: 'wamp.session.on_leave',
} as const;
type Kind = keyof typeof TOPICS;

/** `other`: a session of the same node. */
const ENDINGS: Record<string, (client: RawClient, other: RawClient) => unknown> = {
  'its connection is cut': (client) => client.drop(),
  'it sends GOODBYE': (client) => {
    client.send([Code.GOODBYE, {}, 'wamp.close.normal']);
    return client.expect(Code.GOODBYE);
  },
  'it breaks a rule': (client) => client.send([Code.AUTHENTICATE, '', {}]),
  'it is killed': (client, other) => {
    other.call('wamp.session.kill', [client.session]);
    return client.expect(Code.GOODBYE);
  },
};

const config = openRealm({ metaApi: 'all' });
const TOPOLOGIES = {
  '1 node': () => startCluster(1, config),
  '2 nodes over Redis': () => startRedisCluster(2, config),
};

describe.each(Object.entries(TOPOLOGIES))('%s: a session with many subscriptions and registrations', (_, start) => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await start();
  });
  afterAll(() => cluster.stop());

  it.each(Object.entries(ENDINGS))(
    'ends all of them, each once, and then itself, when %s (G11, SES-13)',
    async (_, end) => {
      const other = await RawClient.join(cluster.url(1));
      const last = cluster.url(cluster.nodes.length);
      const observer = await RawClient.join(last);
      const kinds = new Map<number, Kind>();
      for (const [kind, topic] of Object.entries(TOPICS) as [Kind, string][])
        kinds.set(await observer.subscribe(topic), kind);
      const client = await RawClient.join(cluster.url(1));
      const subscriptions: number[] = [];
      const registrations: number[] = [];
      for (let index = 0; index < COUNT; index++) {
        subscriptions.push(await client.subscribe(`com.example.topic.${index}`));
        registrations.push(await client.register(`com.example.procedure.${index}`));
      }
      await end(client, other);

      const ended: Record<Kind, unknown[]> = {
        unsubscribed: [],
        deletedTopic: [],
        unregistered: [],
        deletedProcedure: [],
        left: [],
      };
      const order: Kind[] = [];
      const isOver = (): boolean => ended.left.length === 1 && order.length === 4 * COUNT + 1;
      while (!isOver()) {
        const [code, subscription, , , args] = await observer.receive();
        expect(code).toBe(Code.EVENT);
        const kind = kinds.get(subscription as number)!;
        const [session, id] = args as [number, number];
        expect(session).toBe(client.session);
        ended[kind].push(kind === 'left' ? session : id);
        order.push(kind);
      }
      expect(await observer.fence()).toEqual([]);
      const all = (ids: readonly unknown[]): unknown[] => [...ids].sort((a, b) => Number(a) - Number(b));
      expect(all(ended.unsubscribed)).toEqual(all(subscriptions));
      expect(all(ended.deletedTopic)).toEqual(all(subscriptions));
      expect(all(ended.unregistered)).toEqual(all(registrations));
      expect(all(ended.deletedProcedure)).toEqual(all(registrations));
      expect(order.lastIndexOf('unsubscribed')).toBeLessThan(order.indexOf('left'));
      const request = observer.call('com.example.procedure.0');
      expect((await observer.expect(Code.ERROR)).slice(0, 5)).toEqual([
        Code.ERROR,
        Code.CALL,
        request,
        {},
        'wamp.error.no_such_procedure',
      ]);
      await observer.close();
      await other.close();
      client.drop();
    },
  );
});
