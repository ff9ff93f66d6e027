import { expect, it, onTestFinished } from 'vitest';
import { RedisBackplane } from '../../../../src/backplane/redis/redis-backplane.js';
import { createClusterCounters } from '../../../../src/telemetry/cluster-counters.js';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import { RedisCluster, TEST_TIMINGS } from '../../../support/redis-cluster.js';
import { startRedis } from '../../../support/redis.js';
import { RoundTripProxy } from '../../../support/round-trip-proxy.js';
import { NodeUnderTest } from '../node-under-test.js';
import { REALM } from '../samples.js';

/** Long: while a recovery is counted nothing else is sent. */
const TIMINGS = { ...TEST_TIMINGS, leaseMs: 120_000, renewMs: 30_000, heartbeatMs: 20_000, probeTimeoutMs: 60_000 };
/** HELLO; the greeting with the scripts; the renewal; the probe and all that is read and compared. */
const EXPECTED_COUNT = 4;
/** Connections open a few milliseconds apart: on a busy machine what belongs to one round trip may count as two. */
const ATTEMPT_COUNT = 5;

it(`a node is back after ${EXPECTED_COUNT} round trips to the store in series (G6)`, async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const proxy = await RoundTripProxy.start(redis.port);
  onTestFinished(() => proxy.stop());
  const cluster = new RedisCluster(redis);
  onTestFinished(() => cluster.stop());
  const backplane = new RedisBackplane({
    name: 'far',
    access: { url: proxy.url, connectTimeoutMs: 10_000, commandTimeoutMs: 10_000 },
    prefix: cluster.prefix,
    timings: TIMINGS,
    limits: { maxBatchBytes: 262_144, maxItemsPerBatch: 4_096, maxUnacknowledgedBytes: 67_108_864 },
    counters: createClusterCounters(),
    logger: silentLogger,
  });
  onTestFinished(() => backplane.stop());
  const near = await new NodeUnderTest(await cluster.join(TIMINGS)).start(REALM);
  const far = await new NodeUnderTest(backplane).start(REALM);
  for (const node of [near, far]) await node.backplane.bus.watch(REALM, `topic.of.${node.id}`, 'exact');

  const counts: number[] = [];
  while (counts.length < ATTEMPT_COUNT && Math.min(...counts) !== EXPECTED_COUNT) {
    const upCount = far.all('up').length;
    proxy.reset();
    await far.until(() => far.all('up').length > upCount);
    counts.push(proxy.depth);
  }
  expect(Math.min(...counts), `${counts.join(', ')} round trips`).toBe(EXPECTED_COUNT);
});
