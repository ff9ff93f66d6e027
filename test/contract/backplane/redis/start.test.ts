import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from 'vitest';
import { createKeys } from '../../../../src/backplane/redis/keys.js';
import { RedisCluster } from '../../../support/redis-cluster.js';
import { startRedis, type RedisServer } from '../../../support/redis.js';
import { NodeUnderTest } from '../node-under-test.js';
import { REALM } from '../samples.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let redis: RedisServer;
let cluster: RedisCluster;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(() => {
  cluster = new RedisCluster(redis);
});
afterEach(() => cluster.stop());

/** A node that starts and whose connections are lost, as a rule, between its subscriptions and the arrival of its probe. */
async function startWithLoss(): Promise<NodeUnderTest> {
  const backplane = await cluster.join({ startTimeoutMs: 60_000 });
  const proxy = cluster.proxyOf(backplane.node);
  const inbox = createKeys({ prefix: cluster.prefix, database: 0 }).channels.inbox(backplane.node);
  // The store has the subscription before the node knows; the probe that follows does not arrive.
  proxy.delay(500, 'subscriber', 'to-node');
  const starting = new NodeUnderTest(backplane).start(REALM);
  starting.catch(() => undefined);
  const listenerCount = async (): Promise<unknown> =>
    ((await redis.command('PUBSUB', 'NUMSUB', inbox)) as unknown[])[1];
  while ((await listenerCount()) === 0) await pause(10);
  proxy.hold('bus', 'to-store');
  await pause(900);
  await proxy.cut();
  await proxy.heal();
  return starting;
}

describe('a node that starts', () => {
  it('sends its probe again over the next connection where the first one is lost with it (G6)', async () => {
    for (;;) {
      try {
        const node = await startWithLoss();
        await node.until(() => node.backplane.gauges!.isUp);
        return;
      } catch (cause) {
        // On a busy machine the probe may arrive before, and the next step of the start fails: that does not wait.
        if (String(cause).includes('it took longer')) throw cause;
      }
    }
  });
});
