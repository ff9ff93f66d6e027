import { expect, it, onTestFinished } from 'vitest';
import { createKeys } from '../../../../src/backplane/redis/keys.js';
import { RedisCluster } from '../../../support/redis-cluster.js';
import { startRedis, type RedisServer } from '../../../support/redis.js';
import { NodeUnderTest } from '../node-under-test.js';
import { REALM } from '../samples.js';

/** Starts a node whose probe does not arrive. Undefined: the probe was faster than the fault. */
async function startWithoutProbe(redis: RedisServer, cluster: RedisCluster) {
  const backplane = await cluster.join({ startTimeoutMs: 60_000 });
  const proxy = cluster.proxyOf(backplane.node);
  const inbox = createKeys({ prefix: cluster.prefix, database: 0 }).channels.inbox(backplane.node);
  // The store has the subscription before the node knows, which sends its probe then.
  proxy.delay(500, 'subscriber', 'to-node');
  const starting = new NodeUnderTest(backplane).start(REALM);
  const outcome = { hasStarted: false };
  void starting.then(
    () => (outcome.hasStarted = true),
    () => undefined,
  );
  const listeners = (): Promise<unknown> => redis.command('PUBSUB', 'NUMSUB', inbox);
  await expect.poll(listeners, { interval: 5, timeout: 60_000 }).toEqual([inbox, 1]);
  proxy.hold('bus', 'to-store');
  await expect.poll(() => outcome.hasStarted || proxy.waitingBytes('bus') > 0, { timeout: 60_000 }).toBe(true);
  return outcome.hasStarted ? undefined : { proxy, starting };
}

it('a node that starts sends its probe again over the next connection where the first one is lost with it (G6)', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const cluster = new RedisCluster(redis);
  onTestFinished(() => cluster.stop());
  let started: Awaited<ReturnType<typeof startWithoutProbe>>;
  do started = await startWithoutProbe(redis, cluster);
  while (started === undefined);
  const { proxy, starting } = started;
  await proxy.cut();
  await proxy.heal();
  const node = await starting;
  await node.until(() => node.backplane.gauges!.isUp);
});
