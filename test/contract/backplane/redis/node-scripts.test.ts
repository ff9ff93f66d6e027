import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { startRedis, type RedisServer } from '../../../support/redis.js';
import { describeNodeScripts } from './describe-node-scripts.js';

let redis: RedisServer;
let subscriber: Redis;
let sceneCount = 0;
let said: string[] = [];
let heard: () => void = () => undefined;

beforeAll(async () => {
  redis = await startRedis();
  subscriber = new Redis(redis.port, '127.0.0.1');
  subscriber.on('message', (_channel: string, text: string) => {
    if (text === 'fence') heard();
    else said.push(text);
  });
});
afterAll(async () => {
  subscriber.disconnect();
  await redis.stop();
});

describeNodeScripts('a server', async () => {
  await redis.flushAll();
  const prefix = `t${++sceneCount}`;
  const channel = `${prefix}:nodes`;
  await subscriber.subscribe(channel);
  said = [];
  return {
    store: redis.plainStore(),
    prefix,
    command: (name, key, ...words) => (name === 'TIME' ? redis.command('TIME') : redis.command(name, key, ...words)),
    messages: async () => {
      const fenced = new Promise<void>((resolve) => (heard = resolve));
      await redis.command('PUBLISH', channel, 'fence');
      await fenced;
      return said;
    },
  };
});
