import { expect, it, onTestFinished } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
import type { RedisServer } from '../support/redis.js';
import { endOf } from './checker/journal.js';
import { figure } from './harness/metrics.js';
import { lateWithin } from './harness/reports.js';
import { ownRedis, startScene, type Scene } from './harness/scene.js';
import { HEALED_MS, LONG_LEASE, NOTICED_MS, REAPED_MS, TIMINGS } from './harness/timings.js';
import { forMs, within } from './harness/wait.js';

/** Three routers, the second of which reaches the store through a proxy. */
async function startProxied(
  settings: readonly string[] = [],
): Promise<{ redis: RedisServer; proxy: FaultProxy; scene: Scene }> {
  const redis = await ownRedis();
  const proxy = await startFaultProxy(redis.port);
  onTestFinished(() => proxy.stop());
  const scene = await startScene(redis, { settings, storeFor: (index) => (index === 1 ? proxy.url : redis.url) });
  return { redis, proxy, scene };
}

it('keeps its sessions when it is cut off for less than its lease, and is the same node after (G6)', async () => {
  // Far from over, on a busy machine too.
  const { proxy, scene } = await startProxied(LONG_LEASE);
  const victim = scene.router(1);
  for (let round = 0; round < 2; round++) {
    const trouble = scene.trouble(victim);
    await proxy.cut();
    await forMs(TIMINGS.leaseMs * 0.4);
    await proxy.heal();
    await scene.sweep(HEALED_MS);
    trouble.over();
  }
  expect(victim.lives).toHaveLength(1);
  await scene.finish();
});

it('is reaped and comes back as another when it is cut off for longer than its lease, serving its own until then (G5, G6)', async () => {
  const { proxy, scene } = await startProxied();
  const victim = scene.router(1);
  const { node } = victim;
  const survivors = [scene.router(0), scene.router(2)];
  scene.sacrifice(victim);
  const trouble = scene.trouble(victim);
  const cutMs = Date.now();
  await proxy.cut();
  await scene.readinessBecomes(false, NOTICED_MS, victim);
  await scene.forgotten(node, REAPED_MS, survivors);
  expect(await scene.reapedCount(survivors)).toBe(1);
  await scene.readinessBecomes(true, 1_000, ...survivors);
  const untilMs = Date.now();
  expect(lateWithin(scene.journal, scene.fleet.evidence(), [node], [cutMs, untilMs])).toEqual([]);
  await proxy.heal();
  await within(HEALED_MS, 'it lives again, as another node', () => victim.lives.length === 2);
  await scene.sweep(HEALED_MS);
  trouble.over();
  await scene.readinessBecomes(true, 1_000, victim);
  await scene.directoryShows(1_000);
  const cutOffMs = Date.now() - cutMs;
  await scene.finish({ noticeMs: cutOffMs, endingMs: cutOffMs + 1_000, ghostMs: cutOffMs });
});

it('notices that it receives nothing although its connections look healthy, reports it, and reports what it missed (G4, G6)', async () => {
  const { proxy, scene } = await startProxied();
  const victim = scene.router(1);
  const trouble = scene.trouble(victim);
  const deafMs = Date.now();
  proxy.blackhole('subscriber', 'to-node');
  await scene.readinessBecomes(false, NOTICED_MS, victim);
  await scene.readinessBecomes(true, 1_000, scene.router(0), scene.router(2));
  await proxy.heal();
  await scene.sweep(HEALED_MS);
  await scene.readinessBecomes(true, 1_000, victim);
  trouble.over();
  expect(victim.lives).toHaveLength(1);
  expect(victim.logged('backplane.gap', deafMs).length).toBeGreaterThan(0);
  await scene.finish({ noticeMs: 6_000 });
});

it('does not take slow for dead: with 200 ms to the store everything works, only later (G3, G4)', async () => {
  const { proxy, scene } = await startProxied();
  proxy.delay(200);
  const fromMs = Date.now();
  await forMs(3_000);
  await scene.sweep(HEALED_MS);
  const late = scene.journal.calls.filter(
    (call) =>
      call.ms > fromMs &&
      call.plan.delayMs === 0 &&
      call.plan.reply === 'result' &&
      (endOf(call)?.ms ?? 0) > call.ms + 1_500,
  );
  expect(late.map(({ number }) => number)).toEqual([]);
  expect(scene.router(1).lives).toHaveLength(1);
  await proxy.heal();
  await scene.finish();
});

it('is there again after a few round trips, not taking what it sent before for lost, over a slow way (G6)', async () => {
  const settings = ['leaseMs=60000', 'absentMs=0', 'barrierTimeoutMs=62000'].map((word) => `backplane.cluster.${word}`);
  const { proxy, scene } = await startProxied(settings);
  const victim = scene.router(1);
  const roundTripMs = 600;
  proxy.delay(roundTripMs / 2);
  const lostCount = async (): Promise<number> => {
    const figures = await victim.figures();
    const names = ['bus', 'directory', 'subscriber'];
    return names.reduce(
      (sum, name) => sum + (figure(figures, `gantry_cluster_connections_lost_total{connection="${name}"}`) ?? 0),
      0,
    );
  };
  const trouble = scene.trouble();
  for (let round = 1; round <= 3; round++) {
    // A probe is on its way.
    await forMs(1_000);
    const fromMs = Date.now();
    proxy.reset();
    await within(20_000, 'all connections are lost', async () => (await lostCount()) === 3 * round);
    await within(20_000, 'it is up again', async () => figure(await victim.figures(), 'gantry_cluster_up') === 1);
    const nowMs = Date.now();
    expect(nowMs - fromMs).toBeLessThan(10 * roundTripMs + scene.fleet.evidence().latenessMs(fromMs, nowMs));
  }
  await forMs(2 * TIMINGS.probeTimeoutMs);
  expect(await lostCount()).toBe(9);
  await proxy.heal();
  await scene.sweep(HEALED_MS);
  trouble.over();
  await scene.finish({ noticeMs: 20_000, answerMs: 40_000 });
});
