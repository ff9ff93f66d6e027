import { afterAll, beforeAll, expect, it } from 'vitest';
import { sharedRedis, startRedis, type RedisServer } from '../../../support/redis.js';

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

it("hands out a server to share, under a prefix of one's own", async () => {
  const [one, other] = [await sharedRedis(), await sharedRedis()];
  expect(await one.command('SET', `${one.prefix}:key`, 'value')).toBe('OK');
  expect(one.prefix).not.toBe(other.prefix);
  expect(await other.command('PING')).toBe('PONG');
  await Promise.all([one.stop(), other.stop()]);
});
