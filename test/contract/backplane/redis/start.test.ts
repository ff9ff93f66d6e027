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

describe('a node that starts', () => {
  it('sends its probe again over the next connection where the first one is lost with it (G6)', async () => {
    const backplane = await cluster.join();
    const proxy = cluster.proxyOf(backplane.node);
    const inbox = createKeys({ prefix: cluster.prefix, database: 0 }).channels.inbox(backplane.node);
    // The store has the subscription before the node knows; the probe that follows does not arrive.
    proxy.delay(300, 'subscriber', 'to-node');
    const starting = new NodeUnderTest(backplane).start(REALM);
    const listenerCount = async (): Promise<unknown> =>
      ((await redis.command('PUBSUB', 'NUMSUB', inbox)) as unknown[])[1];
    while ((await listenerCount()) === 0) await pause(10);
    proxy.hold('bus', 'to-store');
    await pause(700);
    await proxy.cut();
    await proxy.heal();
    const node = await starting;
    await node.until(() => backplane.gauges.isUp);
  });
});
