import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { RedisCluster } from '../../../support/redis-cluster.js';
import { startRedis, type RedisServer } from '../../../support/redis.js';
import { NodeUnderTest } from '../node-under-test.js';
import { claimOf, publicationOf, REALM } from '../samples.js';

const LEFT = 'realm.left';
const COPY = 'copy ';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

/** What a replica has that lacks all that comes until `takeOver`. */
async function replicaOf({ prefix }: RedisCluster, isLacking: (key: string) => boolean) {
  const keys = ((await redis.command('KEYS', `${prefix}:*`)) as string[]).filter(isLacking);
  for (const key of keys) await redis.command('COPY', key, `${COPY}${key}`, 'REPLACE');
  return {
    takeOver: async (): Promise<void> => {
      for (const key of keys) await redis.command('COPY', `${COPY}${key}`, key, 'REPLACE');
      for (const key of keys) await redis.command('DEL', `${COPY}${key}`);
    },
  };
}

it('a node withdraws again from a realm that a failover brought back, and nobody is called there (G5, G9, SHR-2)', async () => {
  const cluster = new RedisCluster(redis);
  onTestFinished(() => cluster.stop());
  const a = await new NodeUnderTest(await cluster.join()).start(REALM, LEFT);
  const b = await new NodeUnderTest(await cluster.join()).start(REALM, LEFT);
  await a.backplane.directory.claim(LEFT, claimOf(a.id, 'com.x'));
  await a.backplane.bus.watch(LEFT, 'x', 'exact');
  const replica = await replicaOf(cluster, (key) => key.includes(LEFT) || key.endsWith(`realms:${a.id}`));
  await a.backplane.withdraw(LEFT);

  await cluster.isolate(a.id);
  await cluster.isolate(b.id);
  await replica.takeOver();
  for (const node of [a, b]) await cluster.heal(node.id);

  const ofRealm = async (): Promise<string[]> => {
    const keys = (await redis.command('KEYS', `${cluster.prefix}:*${LEFT}*`)) as string[];
    return keys.filter((key) => key.includes(a.id));
  };
  await expect.poll(ofRealm, { timeout: 20_000 }).toEqual([]);
  const outcome = await b.backplane.directory.claim(LEFT, claimOf(b.id, 'com.x'));
  expect(outcome).toMatchObject({ kind: 'granted', registration: { callees: [{ node: b.id }] } });
  await b.backplane.bus.publish(LEFT, publicationOf('x'));
  await a.catchUpWith(b);
  expect(a.topics(LEFT)).toEqual([]);
  // It may be served anew.
  await a.backplane.serve(LEFT);
  await a.backplane.bus.watch(LEFT, 'x', 'exact');
  await b.backplane.bus.publish(LEFT, publicationOf('x'));
  await a.catchUpWith(b);
  expect(a.topics(LEFT)).toEqual(['x']);
});

it('a node that stops leaves nothing in realms that a failover brought back (G5)', async () => {
  const cluster = new RedisCluster(redis);
  const a = await new NodeUnderTest(await cluster.join()).start(REALM, LEFT);
  await a.backplane.directory.claim(LEFT, claimOf(a.id, 'com.x'));
  const replica = await replicaOf(cluster, (key) => key.includes(LEFT) || key.endsWith(`realms:${a.id}`));
  await a.backplane.withdraw(LEFT);
  // The note of the realm is removed behind the rows, and nothing waits for it.
  const notes = `${cluster.prefix}:{nodes}:realms:${a.id}`;
  await expect.poll(() => redis.command('SISMEMBER', notes, LEFT)).toBe(0);
  await replica.takeOver();
  await cluster.stop();
  const left = (await redis.command('KEYS', `${cluster.prefix}:*`)) as string[];
  expect(left.filter((key) => !key.endsWith(':gone'))).toEqual([]);
});
