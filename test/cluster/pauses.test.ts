import { expect, it } from 'vitest';
import { figure } from './harness/metrics.js';
import { ownRedis, startScene } from './harness/scene.js';
import { keepEverybody } from './harness/store.js';
import { HEALED_MS, LONG_LEASE, REAPED_MS, TIMINGS } from './harness/timings.js';
import { forMs, within } from './harness/wait.js';

it('fences a node that was paused for longer than its lease: it sends nothing stale and comes back as another (G5)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis);
  const { journal } = scene;
  const victim = scene.router(1);
  const { node } = victim;
  const survivors = [scene.router(0), scene.router(2)];
  scene.sacrifice(victim);
  const trouble = scene.trouble(victim);

  const pausedMs = Date.now();
  victim.pause();
  await scene.forgotten(node, REAPED_MS, survivors);
  expect(await scene.reapedCount(survivors)).toBe(1);
  const goneMs = Math.max(...survivors.flatMap((router) => router.logged('backplane.node_gone').map(({ ms }) => ms)));
  victim.resume();
  const pauseMs = Date.now() - pausedMs;

  await within(5_000, 'it lives again, as another node', () => victim.lives.length === 2);
  expect(victim.logged('node.fenced')).toHaveLength(1);
  const sessions = journal.sessions.filter((session) => session.node === node);
  await within(3_000, 'its sessions have ended', () => sessions.every(({ ended }) => ended !== undefined));
  for (const { ended } of sessions) expect(ended!.reason).toMatch(/^wamp\.close\.system_shutdown$|^closed /);
  await scene.sweep(HEALED_MS);
  trouble.over();
  await scene.directoryShows(1_000);

  const stale = journal.sessions
    .filter((session) => session.node !== node)
    .flatMap(({ events }) => events)
    .filter(({ ms, publication }) => ms > goneMs + 50 && journal.publications[publication]?.session.node === node);
  expect(stale).toEqual([]);
  await scene.finish({ endingMs: pauseMs + 2_000, noticeMs: pauseMs + 2_000, ghostMs: pauseMs + 2_000 });
});

it('loses nothing when a node is paused for less than its lease (G3, G4)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis, { settings: LONG_LEASE });
  const victim = scene.router(1);
  for (let round = 0; round < 2; round++) {
    victim.pause();
    await forMs(TIMINGS.leaseMs * 0.4);
    victim.resume();
    await scene.sweep(HEALED_MS);
  }
  expect(victim.lives).toHaveLength(1);
  expect(scene.fleet.all.flatMap((router) => router.logged('backplane.gap'))).toEqual([]);
  await scene.finish({ noticeMs: 0 });
});

it('loses nothing that its own clients sent when it wakes after its lease and nobody has declared it dead (G3, G4)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis);
  const victim = scene.router(1);
  await keepEverybody(redis, scene.prefix);
  for (let round = 0; round < 2; round++) {
    victim.pause();
    await forMs(TIMINGS.leaseMs + TIMINGS.renewMs);
    victim.resume();
    await scene.sweep(HEALED_MS);
  }
  const figures = await victim.figures();
  expect(figure(figures, 'gantry_cluster_leases_total{outcome="late"}')).toBeGreaterThanOrEqual(2);
  expect(victim.lives).toHaveLength(1);
  expect(scene.fleet.all.flatMap((router) => router.logged('backplane.gap'))).toEqual([]);
  await scene.finish({ noticeMs: 0 });
});
