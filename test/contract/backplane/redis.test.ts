import { afterAll, beforeAll } from 'vitest';
import type { NodeId } from '../../../src/wamp/ids.js';
import { startRedis, type RedisServer } from '../../support/redis.js';
import { RedisCluster } from '../../support/redis-cluster.js';
import { describeBackplane, type ClusterUnderTest } from './describe-backplane.js';

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

function redisCluster(): ClusterUnderTest {
  const cluster = new RedisCluster(redis);
  return {
    join: () => cluster.join(),
    kill: (node) => cluster.kill(node),
    declareDead: (node) => cluster.declareDead(node),
    isolate: (node) => cluster.isolate(node),
    heal: (node) => cluster.heal(node),
    loseNext: (from, to) => cluster.loseNext(from, to),
    returnNext: (from: NodeId, to: NodeId) => cluster.returnNext(from, to),
    rowCount: (node) => cluster.rowCount(node),
    stop: () => cluster.stop(),
  };
}

describeBackplane('redis', redisCluster, { concurrent: true });
