import { afterAll, beforeAll } from 'vitest';
import { RedisCluster } from '../../support/redis-cluster.js';
import { startShards, type RedisShards } from '../../support/redis-shards.js';
import { describeBackplane } from './describe-backplane.js';

let shards: RedisShards;

beforeAll(async () => {
  shards = await startShards();
});
afterAll(() => shards.stop());

describeBackplane('a Redis Cluster of three primaries', () => new RedisCluster(shards), {
  nodeCounts: [3],
  concurrent: true,
});
