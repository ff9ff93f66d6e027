import { expect, it } from 'vitest';
import { endOf, type CallRecord, type Plan } from './checker/journal.js';
import { ownRedis, startScene, type Scene } from './harness/scene.js';
import { REAPED_MS } from './harness/timings.js';
import { within } from './harness/wait.js';
import { ownProcedure } from './harness/roles.js';

const ENDLESS: Plan = { delayMs: 100, progressCount: 1_000, reply: 'result' };
const SILENT: Plan = { delayMs: 0, progressCount: 0, reply: 'silence' };

it('answers every caller, and forgets the node once, when the node of a callee is killed (G3, G5)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis);
  const victim = scene.router(2);
  const { node } = victim;
  const calls = [0, 1].flatMap((home) => [
    scene.load.callers[home]!.call(ownProcedure(2), ENDLESS)!,
    scene.load.callers[home]!.call(ownProcedure(2), SILENT)!,
  ]);
  await within(3_000, 'the callee is at work', () => atWork(scene, calls));

  scene.sacrifice(victim);
  const trouble = scene.trouble(victim);
  await victim.kill();
  await within(REAPED_MS, 'all calls in flight are answered', () => calls.every((call) => endOf(call) !== undefined));
  expect(calls.map((call) => endOf(call)?.error)).toEqual(calls.map(() => 'wamp.error.canceled'));
  await scene.forgotten(node, REAPED_MS);
  expect(await scene.reapedCount()).toBe(1);
  await scene.directoryShows(1_000);
  await scene.sweep(5_000);
  trouble.over();
  await scene.fleet.startAt(2);
  await scene.finish();
});

it('interrupts what still works for the callers of a node that is killed (G5, DLR-11)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis);
  const victim = scene.router(0);
  const { node } = victim;
  const calls = [1, 2].flatMap((home) => [
    scene.load.callers[0]!.call(ownProcedure(home), SILENT)!,
    scene.load.callers[0]!.call(ownProcedure(home), ENDLESS)!,
  ]);
  await within(3_000, 'the callees are at work', () => atWork(scene, calls));

  scene.sacrifice(victim);
  const trouble = scene.trouble(victim);
  await victim.kill();
  await within(REAPED_MS, 'the callees are interrupted', () =>
    calls
      .filter((call) => invocationsOf(scene, call).some(({ interrupted }) => interrupted === undefined))
      .map(({ procedure }) => procedure),
  );
  await scene.forgotten(node, REAPED_MS);
  expect(await scene.reapedCount()).toBe(1);
  await scene.sweep(5_000);
  trouble.over();
  await scene.finish();
});

function invocationsOf(scene: Scene, { number }: CallRecord) {
  return scene.journal.invocations.filter(({ call }) => call === number);
}

function atWork(scene: Scene, calls: readonly CallRecord[]): boolean {
  return calls.every(
    (call) => invocationsOf(scene, call).length === 1 && (call.plan.progressCount === 0 || call.answers.length >= 2),
  );
}
