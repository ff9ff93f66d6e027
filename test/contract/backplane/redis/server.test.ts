import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRedis, type RedisServer } from '../../../support/redis.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

it('starts a server that keeps its data over a restart only when asked to', async () => {
  await redis.command('SET', 'key', 'value');
  await redis.restart({ keepData: true });
  expect(await redis.command('GET', 'key')).toBe('value');
  await redis.restart({ keepData: false });
  expect(await redis.command('GET', 'key')).toBeNull();
});
