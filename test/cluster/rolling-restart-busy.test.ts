import { expect, it } from 'vitest';
import { ownRedis, startScene } from './harness/scene.js';
import { HEALED_MS } from './harness/timings.js';

it('lets callers go that always have a call in flight, in time and without losing one (G3)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis, { callsPerSecond: 80 });
  const old = scene.router(0);
  scene.sacrifice(old);
  const { code } = await scene.fleet.replace(0);
  await scene.sweep(HEALED_MS);
  // A client that was sent away with calls in flight does not know their outcome.
  await scene.finish({ losesNoCall: true, noticeMs: 0, endingMs: 300, ghostMs: 9_000 });
  expect(code).toBe(0);
});
