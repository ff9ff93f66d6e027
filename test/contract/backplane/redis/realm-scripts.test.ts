import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { createKeys } from '../../../../src/backplane/redis/keys.js';
import { startRedis, type RedisServer } from '../../../support/redis.js';
import { describeRealmScripts, REALM } from './describe-realm-scripts.js';
import { describeSessionScripts } from './describe-session-scripts.js';

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

const command = async (name: string, key: string, ...words: readonly (string | number)[]): Promise<unknown> => {
  const reply = await redis.command(name, key, ...words);
  return name === 'KEYS' ? (reply as string[]).sort() : reply;
};

describeRealmScripts('a server', async () => {
  await redis.flushAll();
  const prefix = `t${++sceneCount}`;
  const channel = createKeys({ prefix, database: 0 }).channels.realm(REALM);
  await subscriber.subscribe(channel);
  said = [];
  const messages = async (): Promise<readonly string[]> => {
    const fenced = new Promise<void>((resolve) => (heard = resolve));
    await redis.command('PUBLISH', channel, 'fence');
    await fenced;
    return said;
  };
  return { store: redis.plainStore(), prefix, command, messages };
});

describeSessionScripts('a server', async () => {
  await redis.flushAll();
  return { store: redis.plainStore(), prefix: `t${++sceneCount}`, command };
});
