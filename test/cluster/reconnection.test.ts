import { expect, it } from 'vitest';
import { ownRedis, startScene, type Scene } from './harness/scene.js';
import { HEALED_MS, REAPED_MS } from './harness/timings.js';
import { within } from './harness/wait.js';

/** Of autobahn-js and wampy, in turn, why each session ended that did. */
function endings({ journal }: Scene): Record<string, (string | undefined)[]> {
  const of = (library: string): (string | undefined)[] =>
    journal.sessions.filter(({ member }) => member === library).map(({ ended }) => ended?.reason);
  return { autobahn: of('autobahn'), wampy: of('wampy') };
}

/** Without GOODBYE. What a client was still sending may reset the connection before the close frame is read: then 1006. */
const CLOSED = /^closed (1012|1006)\b/;

it('client libraries come back by themselves, with default settings, through a rolling restart (G3, G4)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis, { apps: 'stock' });
  for (let index = 0; index < 3; index++) {
    const old = scene.router(index);
    scene.sacrifice(old);
    expect((await scene.fleet.replace(index)).code).toBe(0);
    // Everybody is back, has what it wants again, and all works.
    await scene.sweep(HEALED_MS);
  }
  const all = endings(scene);
  for (const library of ['autobahn', 'wampy']) {
    const [last, ...earlier] = all[library]!.toReversed();
    expect(last).toBeUndefined();
    expect(earlier.length).toBeGreaterThan(0);
    for (const reason of earlier) expect(reason).toMatch(CLOSED);
  }
  await scene.finish({ losesNoCall: true, noticeMs: 0, endingMs: 300, ghostMs: 2_500, answerMs: 5_000 });
});

it('client libraries come back by themselves when the others declared their node dead (G5)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis, { apps: 'stock' });
  // autobahn-js is at home there.
  const victim = scene.router(1);
  const { node } = victim;
  const survivors = [scene.router(0), scene.router(2)];
  scene.sacrifice(victim);
  const trouble = scene.trouble(victim);
  const pausedMs = Date.now();
  victim.pause();
  await scene.forgotten(node, REAPED_MS, survivors);
  victim.resume();
  const pauseMs = Date.now() - pausedMs;
  await within(5_000, 'it lives again, as another node', () => victim.lives.length === 2);
  await scene.sweep(HEALED_MS);
  trouble.over();
  expect(endings(scene)['autobahn']).toEqual([expect.stringMatching(CLOSED), undefined]);
  await scene.finish({ endingMs: pauseMs + 2_000, noticeMs: pauseMs + 2_000, ghostMs: pauseMs + 2_000 });
});
