import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { RedisCluster } from '../../../support/redis-cluster.js';
import { startRedis, type RedisServer } from '../../../support/redis.js';
import { NodeUnderTest } from '../node-under-test.js';
import { cancelOf, publicationOf, REALM } from '../samples.js';

const COUNT = 1_000;
/** Renewals of leases, with all that their scripts call: some hundred commands in a slow minute. */
const HOUSEKEEPING = COUNT / 2;

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

/** Commands that the server has carried out so far, those within scripts included. */
async function commands(): Promise<{ published: number; others: number }> {
  const info = (await redis.command('INFO', 'commandstats')) as string;
  const calls = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
  const sum = (isCounted: (name: string) => boolean): number =>
    calls.filter(([, name]) => isCounted(name!)).reduce((total, [, , count]) => total + Number(count), 0);
  return { published: sum((name) => name === 'publish'), others: sum((name) => name !== 'publish') };
}

it('a publication and a frame to another node cost PUBLISHes and no other command (G8)', async () => {
  const cluster = new RedisCluster(redis);
  onTestFinished(() => cluster.stop());
  const a = await new NodeUnderTest(await cluster.join({ renewMs: 3_000 })).start(REALM);
  const b = await new NodeUnderTest(await cluster.join({ renewMs: 3_000 })).start(REALM);
  await b.backplane.bus.watch(REALM, 'wanted', 'exact');
  await b.catchUpWith(a);

  const before = await commands();
  for (let sent = 0; sent < COUNT; sent++) {
    await a.backplane.bus.publish(REALM, publicationOf('wanted'));
    expect(a.backplane.bus.send(b.id, REALM, cancelOf(a.id))).toBe(true);
  }
  await b.catchUpWith(a);
  const after = await commands();

  expect(b.topics()).toHaveLength(COUNT);
  expect(after.published - before.published).toBeGreaterThanOrEqual(COUNT);
  expect(after.others - before.others).toBeLessThan(HOUSEKEEPING);
});

it('a publication that no other node wants costs no command at all (G8, G9)', async () => {
  const cluster = new RedisCluster(redis);
  onTestFinished(() => cluster.stop());
  const timings = { renewMs: 3_000, heartbeatMs: 1_000, probeTimeoutMs: 3_000 };
  const a = await new NodeUnderTest(await cluster.join(timings)).start(REALM);
  const b = await new NodeUnderTest(await cluster.join(timings)).start(REALM);
  await b.catchUpWith(a);

  const before = await commands();
  for (let sent = 0; sent < COUNT; sent++)
    expect(a.backplane.bus.publish(REALM, publicationOf('unwanted'))).toBe(undefined);
  await b.catchUpWith(a);
  const after = await commands();

  expect(b.topics()).toEqual([]);
  expect(after.published + after.others - before.published - before.others).toBeLessThan(HOUSEKEEPING);
});
