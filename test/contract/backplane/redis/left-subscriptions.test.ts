import { expect, it, onTestFinished } from 'vitest';
import { clientOptions, type StoreAccess } from '../../../../src/backplane/redis/connection/client-options.js';
import { StoreConnection } from '../../../../src/backplane/redis/connection/store-connection.js';
import { Subscriptions } from '../../../../src/backplane/redis/connection/subscriptions.js';
import { startRedis } from '../../../support/redis.js';

/** More than a connection keeps. */
const LEFT_COUNT = 10_010;

it('a connection ends that has too many sharded subscriptions that nobody wants, and the next one has the others', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const access: StoreAccess = { url: redis.url, connectTimeoutMs: 10_000, commandTimeoutMs: 60_000 };
  const connect = async (): Promise<StoreConnection> => {
    const connection: StoreConnection = new StoreConnection({
      client: clientOptions(access, { host: '127.0.0.1', port: redis.port }),
      commandTimeoutMs: access.commandTimeoutMs,
      secrets: [],
      onEnd: () => subscriptions.leave(),
      monitor: { roundTrip: () => undefined, timeout: () => undefined },
    });
    onTestFinished(() => connection.close());
    await connection.open(access.connectTimeoutMs);
    return connection;
  };
  const subscriptions = new Subscriptions(true);
  const first = await connect();
  await subscriptions.moveTo(first);
  await subscriptions.add('{kept}');
  const left = Array.from({ length: LEFT_COUNT }, (_, index) => `{left-${index}}`);
  await Promise.all(left.map((channel) => subscriptions.add(channel)));
  for (const channel of left.slice(0, 100)) await subscriptions.remove(channel);
  expect(first.isOpen).toBe(true);
  for (const channel of left) await subscriptions.remove(channel);
  expect(first.isOpen).toBe(false);

  await subscriptions.moveTo(await connect());
  const channels = async (): Promise<unknown> => redis.command('PUBSUB', 'SHARDCHANNELS');
  // The server may notice the end of the first connection later.
  while (((await channels()) as string[]).length > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(await channels()).toEqual(['{kept}']);
});
