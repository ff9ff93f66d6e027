import { expect, it } from 'vitest';
import { ownRedis, startScene } from './harness/scene.js';
import { HEALED_MS } from './harness/timings.js';

it.each([
  ['close', 'closed 1012 the router restarts: connect again'],
  ['goodbye', 'wamp.close.system_shutdown'],
])(
  'loses no acknowledged publication and no call in five rolling restarts under load (G3, G4): %s',
  async (farewell, farewellText) => {
    const redis = await ownRedis();
    const scene = await startScene(redis, { settings: [`drain.farewell=${farewell}`] });
    for (let round = 0; round < 5; round++) {
      const old = scene.router(round % 3);
      const { node } = old;
      scene.sacrifice(old);
      const { code } = await scene.fleet.replace(round % 3);
      expect(code).toBe(0);
      await scene.forgotten(node, 1_000);
      await scene.sweep(HEALED_MS);
    }
    expect(await scene.reapedCount()).toBe(0);
    await scene.directoryShows(1_000);
    const reasons = scene.journal.sessions.flatMap(({ ended }) => ended?.reason ?? []);
    expect(reasons).toContain(farewellText);
    await scene.finish({ losesNoCall: true, noticeMs: 0, endingMs: 300, ghostMs: 2_500, answerMs: 5_000 });
  },
);
