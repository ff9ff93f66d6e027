import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { RedisCluster } from '../../../support/redis-cluster.js';
import { startRedis, type RedisServer } from '../../../support/redis.js';
import { NodeUnderTest } from '../node-under-test.js';
import { REALM } from '../samples.js';

const SERVING_COUNT = 5;
const OTHER_COUNT = 3;
const TOPIC_COUNT = 1_200;
/** Topics that one step of the store takes; the first of a turn may leave in a step of its own. */
const MAX_STEP_COUNT = TOPIC_COUNT / 500 + 2;
/** Nothing is asked for again and no connection is given up, however slow the machine is. */
const TIMINGS = {
  leaseMs: 120_000,
  renewMs: 30_000,
  heartbeatMs: 20_000,
  probeTimeoutMs: 60_000,
  reaskMs: 60_000,
  barrierTimeoutMs: 150_000,
};

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

it('new topics cost one confirmation for each step and node that serves the realm, and the other nodes nothing', async () => {
  const cluster = new RedisCluster(redis);
  onTestFinished(() => cluster.stop());
  const start = async (realm: string): Promise<NodeUnderTest> =>
    new NodeUnderTest(await cluster.join(TIMINGS)).start(realm);
  const serving: NodeUnderTest[] = [];
  for (let count = 0; count < SERVING_COUNT; count++) serving.push(await start(REALM));
  const others: NodeUnderTest[] = [];
  for (let count = 0; count < OTHER_COUNT; count++) others.push(await start('another'));
  const [subscriber, ...confirming] = serving as [NodeUnderTest, ...NodeUnderTest[]];
  const sent = (node: NodeUnderTest): number => cluster.countersOf(node.id).itemsSent.control;
  const watch = async (name: string): Promise<void> => subscriber.backplane.bus.watch(REALM, name, 'exact');
  // Whatever entering the realm has cost is over when a topic is confirmed.
  await watch('first');
  const before = new Map([...serving, ...others].map((node) => [node, sent(node)]));

  await Promise.all(Array.from({ length: TOPIC_COUNT }, (_, number) => watch(`topic.${number}`)));

  const cost = (node: NodeUnderTest): number => sent(node) - before.get(node)!;
  for (const node of confirming) {
    expect(cost(node)).toBeGreaterThan(0);
    expect(cost(node)).toBeLessThanOrEqual(MAX_STEP_COUNT);
  }
  expect(others.map(cost)).toEqual(others.map(() => 0));
  expect(cost(subscriber)).toBe(0);
});
