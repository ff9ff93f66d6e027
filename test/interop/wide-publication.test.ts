import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import { openRealm } from '../support/open-realm.js';
import { RawClient } from '../support/raw-client.js';
import { Code } from '../../src/wamp/codes.js';

const TOPIC = 'a.a.a.a.a.a';
/** Every pattern that matches the topic. */
const PATTERNS = Array.from({ length: 64 }, (_, bits) =>
  TOPIC.split('.')
    .map((part, index) => (((bits >> index) & 1) === 1 ? '' : part))
    .join('.'),
);
/** So that one publication has 6,400 receivers: more than one part of its delivery. */
const SESSIONS = 100;

const config = openRealm({});
const TOPOLOGIES = {
  '1 node': () => startCluster(1, config),
  '2 nodes over Redis': () => startRedisCluster(2, config),
};

describe.each(Object.entries(TOPOLOGIES))('%s: publications that very many subscriptions match', (_, start) => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await start();
  });
  afterAll(() => cluster.stop());

  it('come once by each, in the order of publication, and PUBLISHED behind them (ORD-1, BRK-6, G11)', async () => {
    const far = cluster.nodes.length;
    const clients = await Promise.all(
      Array.from({ length: SESSIONS }, async (_, index) => {
        const client = await RawClient.join(cluster.url(index === 0 ? far : 1));
        for (const pattern of PATTERNS) await client.subscribe(pattern, { match: 'wildcard' });
        return client;
      }),
    );
    const publisher = await RawClient.join(cluster.url(1));
    for (let number = 1; number <= 3; number++) publisher.publish(TOPIC, [number]);
    await publisher.publishAcknowledged(TOPIC, [4]);
    for (const client of clients) {
      const bySubscription = new Map<unknown, unknown[]>();
      const all: unknown[] = [];
      for (let count = 0; count < 4 * PATTERNS.length; count++) {
        const [, subscription, , , args] = await client.expect(Code.EVENT);
        const [number] = args as [number];
        bySubscription.set(subscription, [...(bySubscription.get(subscription) ?? []), number]);
        all.push(number);
      }
      expect(bySubscription.size).toBe(PATTERNS.length);
      for (const numbers of bySubscription.values()) expect(numbers).toEqual([1, 2, 3, 4]);
      expect(all).toEqual([...all].sort((one, other) => Number(one) - Number(other)));
    }
    expect(await clients[0]!.fence()).toEqual([]);
    await Promise.all([publisher, ...clients].map((client) => client.close()));
  });
});
