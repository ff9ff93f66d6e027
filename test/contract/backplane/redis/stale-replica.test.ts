import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { RedisCluster } from '../../../support/redis-cluster.js';
import { startRedis, type RedisServer } from '../../../support/redis.js';
import { NodeUnderTest } from '../node-under-test.js';
import { claimOf, publicationOf, REALM, sessionOf } from '../samples.js';

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

it.each(['rows of the realm', 'sessions'] as const)(
  'the %s of a dead node, which a failover brought back, are removed again: in a Redis Cluster each part has its own (G2, G5)',
  async (which) => {
    const cluster = new RedisCluster(redis);
    onTestFinished(() => cluster.stop());
    const a = await new NodeUnderTest(await cluster.join()).start(REALM);
    const b = await new NodeUnderTest(await cluster.join()).start(REALM);
    await a.backplane.directory.claim(REALM, claimOf(a.id, 'com.x'));
    await a.backplane.bus.watch(REALM, 'x', 'exact');
    await a.backplane.directory.join(REALM, sessionOf());
    const part = which === 'sessions' ? ':{s:' : `:{r:${REALM}}:`;
    const replica = await replicaOf(cluster, (key) => key.includes(part));
    await cluster.kill(a.id);
    await b.until((node) => node.all('nodeGone').length > 0);

    await replica.takeOver();
    expect(await cluster.rowCount(a.id)).toBeGreaterThan(0);
    await cluster.isolate(b.id);
    await cluster.heal(b.id);
    await expect.poll(() => cluster.rowCount(a.id), { timeout: 20_000 }).toBe(0);
    expect(await b.backplane.directory.sessions.count(REALM)).toBe(0);
    // Nobody is asked for a node that is gone.
    const c = await new NodeUnderTest(await cluster.join()).start(REALM);
    await c.backplane.bus.watch(REALM, 'y', 'exact');
    expect(await c.backplane.directory.claim(REALM, claimOf(c.id, 'com.x'))).toMatchObject({ kind: 'granted' });
    expect(b.all('nodeGone')).toHaveLength(1);
  },
);

it('the rows of a dead node, which a failover brought back, are removed by a node that never knew it (G2, G5)', async () => {
  const cluster = new RedisCluster(redis);
  onTestFinished(() => cluster.stop());
  const a = await new NodeUnderTest(await cluster.join()).start(REALM);
  const b = await new NodeUnderTest(await cluster.join()).start(REALM);
  await a.backplane.directory.claim(REALM, claimOf(a.id, 'com.x'));
  await a.backplane.bus.watch(REALM, 'x', 'exact');
  const replica = await replicaOf(cluster, (key) => key.includes(`:{r:${REALM}}:`) && !key.includes(b.id));
  await cluster.kill(a.id);
  await b.backplane.stop();
  await replica.takeOver();
  expect(await cluster.rowCount(a.id)).toBeGreaterThan(0);

  const c = await new NodeUnderTest(await cluster.join({ leaseMs: 2_000 })).start(REALM);
  await c.until((node) => node.all('nodeGone').some((event) => event.node === a.id));
  expect(await cluster.rowCount(a.id)).toBe(0);
  await c.backplane.bus.watch(REALM, 'y', 'exact');
  const claimed = await c.backplane.directory.claim(REALM, claimOf(c.id, 'com.x'));
  expect(claimed).toMatchObject({ kind: 'granted', registration: { callees: [{ node: c.id }] } });
});

it('a node whose note of a realm a failover has lost notes it again, so that nothing is left when it dies (G5)', async () => {
  const cluster = new RedisCluster(redis);
  onTestFinished(() => cluster.stop());
  const a = await new NodeUnderTest(await cluster.join()).start(REALM);
  const b = await new NodeUnderTest(await cluster.join()).start(REALM);
  await a.backplane.serve(LEFT);
  await a.backplane.directory.claim(LEFT, claimOf(a.id, 'com.x'));
  const notes = `${cluster.prefix}:{nodes}:realms:${a.id}`;
  expect(await redis.command('SREM', notes, LEFT)).toBe(1);
  await cluster.isolate(a.id);
  await cluster.heal(a.id);
  await expect.poll(() => redis.command('SISMEMBER', notes, LEFT), { timeout: 20_000 }).toBe(1);
  await cluster.kill(a.id);
  await b.until((node) => node.all('nodeGone').length > 0);
  expect(await cluster.rowCount(a.id)).toBe(0);
});
