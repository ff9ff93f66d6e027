import { afterAll, beforeAll } from 'vitest';
import { describeBackplane } from '../contract/backplane/describe-backplane.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { startRedis, type RedisServer } from '../support/redis.js';

let valkey: RedisServer;

beforeAll(async () => {
  valkey = await startRedis();
});
afterAll(() => valkey.stop());

describeBackplane('Valkey', () => new RedisCluster(valkey), { nodeCounts: [3], concurrent: true });
