import { expect, it } from 'vitest';
import { figure } from './harness/metrics.js';
import { ownRedis, startScene } from './harness/scene.js';
import { HEALED_MS } from './harness/timings.js';
import { forMs, within } from './harness/wait.js';
import { TOPICS } from './harness/roles.js';

it.each(['pubsub', 'normal'])('comes back each time the store closes all %s connections (G3, G4, G6)', async (type) => {
  const redis = await ownRedis();
  const scene = await startScene(redis);
  for (let round = 0; round < 4; round++) {
    const trouble = scene.trouble();
    await redis.command('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
    await forMs(250);
    await redis.command('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
    await scene.sweep(HEALED_MS);
    trouble.over();
  }
  for (const router of scene.fleet.living) expect(router.lives).toHaveLength(1);
  expect(scene.fleet.all.flatMap((router) => router.logged('backplane.node_gone'))).toEqual([]);
  await scene.finish();
});

it('reports what is lost when the store drops subscribers that are behind, and every call ends (G3, G4)', async () => {
  const limit = ['--client-output-buffer-limit', 'pubsub', '96kb', '0', '0'];
  const redis = await ownRedis({ args: limit });
  const scene = await startScene(redis);
  const trouble = scene.trouble();
  const ballast = 'x'.repeat(8_192);
  const gaps = async (): Promise<number> => {
    const pages = await Promise.all(scene.fleet.living.map((router) => router.figures()));
    return pages.reduce((sum, page) => sum + (figure(page, 'gantry_cluster_lane_gaps_total') ?? 0), 0);
  };
  for (let round = 0; round < 4; round++) {
    const before = await gaps();
    for (const publisher of scene.load.publishers)
      for (let count = 0; count < 40; count++) publisher.publish(TOPICS[count % 4]!, count % 2 === 0, { ballast });
    await within(5_000, 'losses are reported', async () => (await gaps()) > before);
  }
  await scene.sweep(HEALED_MS);
  trouble.over();
  await scene.finish();
});
