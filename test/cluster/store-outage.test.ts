import { expect, it } from 'vitest';
import { endOf, type Plan } from './checker/journal.js';
import { lateWithin } from './harness/reports.js';
import type { Router } from './harness/router.js';
import { ownRedis, startScene, type Scene } from './harness/scene.js';
import { rowsIn } from './harness/store.js';
import { HEALED_MS, NOTICED_MS, TIMINGS } from './harness/timings.js';
import { forMs, within } from './harness/wait.js';
import { ownProcedure } from './harness/roles.js';

const PLAIN: Plan = { delayMs: 0, progressCount: 0, reply: 'result' };
const ENDLESS: Plan = { delayMs: 100, progressCount: 1_000, reply: 'result' };

it('goes on within each node while the store is frozen, fails the rest by name, and heals (G6)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis);
  const trouble = scene.trouble();
  const frozenMs = Date.now();
  redis.pause();
  await failsByName(scene);
  await forMs(frozenMs + 5_000 - Date.now());
  redis.resume();
  await goesOnAfter(scene, frozenMs, trouble);
  await scene.finish({ noticeMs: 9_000 });
});

it('heals when the store restarts with nothing in it, under load and in the middle of a progressive call (G3, G6)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis);
  const call = scene.load.callers[0]!.call(ownProcedure(1), ENDLESS)!;
  await within(3_000, 'results come', () => call.answers.length >= 2);
  const trouble = scene.trouble();
  const lostMs = Date.now();
  await redis.restart({ keepData: false });
  await scene.sweep(HEALED_MS);
  await goesOnAfter(scene, lostMs, trouble);
  // It either goes on, all results in order, or has ended by name.
  const soFar = call.answers.length;
  await within(
    3_000,
    'the progressive call lives or has ended',
    () => call.answers.length > soFar || endOf(call) !== undefined,
  );
  scene.load.callers[0]!.cancel(call, 'kill');
  await scene.finish({ noticeMs: 5_000 });
});

it('heals when the store comes back empty after more than a lease: nobody is taken for dead (G6)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis);
  const trouble = scene.trouble();
  const lostMs = Date.now();
  await redis.kill();
  await failsByName(scene);
  await forMs(lostMs + TIMINGS.leaseMs * 2 - Date.now());
  await redis.start();
  await goesOnAfter(scene, lostMs, trouble);
  expect(scene.fleet.all.flatMap((router) => router.logged('backplane.node_gone'))).toEqual([]);
  for (const router of scene.fleet.all) expect(outageLines(router, lostMs)).toEqual(['backplane.down', 'backplane.up']);
  const [down] = scene.router(0).logged('backplane.down');
  expect(down?.fields['message']).toContain('ECONNREFUSED');
  await scene.finish({ noticeMs: 9_000 });
});

it('does not let any client notice that the store was emptied, and writes everything again (G6)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis);
  const before = await rowsOf(scene);
  for (let round = 0; round < 3; round++) {
    await redis.flushAll();
    await within(HEALED_MS, 'all rows are there again', async () => missingFrom(await rowsOf(scene), before));
    await scene.sweep(HEALED_MS);
  }
  await scene.directoryShows(1_000);
  expect(missingFrom(before, await rowsOf(scene))).toEqual([]);
  expect(scene.fleet.all.flatMap((router) => router.logged('backplane.node_gone'))).toEqual([]);
  await scene.finish({ noticeMs: 0 });
});

/** What the log has of an outage, besides what follows from it. */
function outageLines(router: Router, sinceMs: number): string[] {
  const about = ['backplane.down', 'backplane.up', 'backplane.store', 'backplane.request_failed'];
  return router.log.filter(({ ms, event }) => ms >= sinceMs && about.includes(event)).map(({ event }) => event);
}

/** Every node reports that it is not ready, and a call that needs another node ends soon, by name. */
async function failsByName(scene: Scene): Promise<void> {
  await scene.readinessBecomes(false, NOTICED_MS, ...scene.fleet.living);
  const askedMs = Date.now();
  const calls = [0, 1, 2].map((home) => scene.load.callers[home]!.call(ownProcedure((home + 1) % 3), PLAIN)!);
  const publication = scene.load.publishers[0]!.publish('com.load.t0', true)!;
  await within(
    1_000,
    'what needs other nodes has failed',
    () => calls.every((call) => endOf(call) !== undefined) && publication.answers.length > 0,
  );
  expect(calls.map((call) => endOf(call)?.error)).toEqual(calls.map(() => 'wamp.error.network_failure'));
  expect(publication.answers[0]!.error).toBe('wamp.error.network_failure');
  const nowMs = Date.now();
  expect(nowMs - askedMs).toBeLessThan(700 + scene.fleet.evidence().latenessMs(askedMs, nowMs));
}

/** Everything works again, every node is what it was, and nothing stood still within a node meanwhile. */
async function goesOnAfter(scene: Scene, fromMs: number, trouble: { over: () => void }): Promise<void> {
  const untilMs = Date.now();
  await scene.sweep(HEALED_MS);
  await scene.readinessBecomes(true, 1_000, ...scene.fleet.living);
  trouble.over();
  await scene.directoryShows(2_000);
  for (const router of scene.fleet.living) expect(router.lives).toHaveLength(1);
  const nodes = scene.fleet.living.map(({ node }) => node);
  expect(lateWithin(scene.journal, scene.fleet.evidence(), nodes, [fromMs, untilMs])).toEqual([]);
}

/** What nodes own in the store; not its counters and times. */
async function rowsOf(scene: Scene): Promise<string[]> {
  const rows = await rowsIn(scene.redis!, scene.prefix);
  const owned = rows.filter(({ key }) => !/:(version|meta|leases|gone)$/.test(key));
  // Callees may stand in another order in their row: how they are called follows from the number of each.
  return owned.flatMap(({ key, content }) =>
    content.flatMap((text) => text.split('\n').map((line) => `${key} ${line}`)),
  );
}

function missingFrom(rows: readonly string[], wanted: readonly string[]): string[] {
  const there = new Set(rows);
  return wanted.filter((row) => !there.has(row));
}
