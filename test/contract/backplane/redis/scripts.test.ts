import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createKeys } from '../../../../src/backplane/redis/keys.js';
import { startRedis, type RedisServer } from '../../../support/redis.js';
import { describeNodeScripts } from './describe-node-scripts.js';
import { describeRealmScripts } from './describe-realm-scripts.js';
import { describeSessionScripts } from './describe-session-scripts.js';
import { REALM } from './realm-under-test.js';

/** The scripts on a server, which in cluster mode refuses a key with another hash tag than those declared. */
function describeScripts(name: string, isCluster: boolean): void {
  describe(name, () => {
    let redis: RedisServer;
    let subscriber: Redis;
    let sceneCount = 0;
    let published: Buffer[] = [];
    let fenceArrived: () => void = () => undefined;

    beforeAll(async () => {
      redis = await startRedis(isCluster ? { args: ['--cluster-enabled', 'yes'] } : {});
      if (isCluster) await takeAllSlots(redis);
      subscriber = new Redis(redis.port, '127.0.0.1');
      subscriber.on('messageBuffer', (_channel: Buffer, message: Buffer) => {
        if (message.toString() === 'fence') fenceArrived();
        else published.push(message);
      });
    });
    afterAll(async () => {
      subscriber.disconnect();
      await redis.stop();
    });

    const command = async (word: string, key: string, ...words: readonly (string | number)[]): Promise<unknown> => {
      if (word === 'TIME') return redis.command(word);
      const reply = await redis.command(word, key, ...words);
      return word === 'KEYS' ? (reply as string[]).sort() : reply;
    };
    const scene = async (channelIn: (keys: ReturnType<typeof createKeys>) => string) => {
      await redis.flushAll();
      const prefix = `t${++sceneCount}`;
      const channel = channelIn(createKeys({ prefix, database: 0 }));
      await subscriber.subscribe(channel);
      published = [];
      const messages = async (): Promise<readonly Buffer[]> => {
        const fenced = new Promise<void>((resolve) => (fenceArrived = resolve));
        await redis.command('PUBLISH', channel, 'fence');
        await fenced;
        return published;
      };
      const listen = async (to: string, isListening: boolean): Promise<void> => {
        await (isListening ? subscriber.subscribe(to) : subscriber.unsubscribe(to));
      };
      const bytes = (key: string, field: string): Promise<Buffer | null> => redis.field(key, field);
      return { store: redis.plainStore({ oneSlot: isCluster }), prefix, command, bytes, listen, messages };
    };

    describeNodeScripts('a server', () => scene((keys) => keys.channels.nodes));
    describeRealmScripts('a server', () => scene((keys) => keys.channels.realm(REALM)));
    describeSessionScripts('a server', () => scene((keys) => keys.channels.nodes));
  });
}

async function takeAllSlots(redis: RedisServer): Promise<void> {
  await redis.command('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
  while (!String(await redis.command('CLUSTER', 'INFO')).includes('cluster_state:ok'));
}

it('a server in cluster mode refuses a script that leaves its slot', async () => {
  const redis = await startRedis({ args: ['--cluster-enabled', 'yes'] });
  onTestFinished(() => redis.stop());
  await takeAllSlots(redis);
  const text = "#!lua\nredis.call('set', KEYS[1], 1) redis.call('set', 'b', 1)";
  await expect(redis.command('EVAL', text, 1, 'a')).rejects.toThrow(/same slot/);
});

describeScripts('scripts on a server by itself', false);
describeScripts('scripts on a server in cluster mode', true);
