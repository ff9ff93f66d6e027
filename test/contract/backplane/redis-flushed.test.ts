import { afterAll, beforeAll } from 'vitest';
import { startRedis, type RedisServer } from '../../support/redis.js';
import { RedisCluster } from '../../support/redis-cluster.js';
import { describeBackplane } from './describe-backplane.js';

let redis: RedisServer;
let isFlushing = true;

/** Flushes the scripts of the store between any two commands of the nodes. */
async function flushAlways(): Promise<void> {
  while (isFlushing) await redis.command('SCRIPT', 'FLUSH');
}
let flushing: Promise<void>;

beforeAll(async () => {
  redis = await startRedis();
  flushing = flushAlways();
});
afterAll(async () => {
  isFlushing = false;
  await flushing;
  await redis.stop();
});

describeBackplane('redis, which loses its scripts all the time (G6)', () => new RedisCluster(redis), {
  nodeCounts: [3],
  concurrent: true,
});
