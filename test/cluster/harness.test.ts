import { expect, it } from 'vitest';
import { startScene } from './harness/scene.js';
import { forMs } from './harness/wait.js';

it('one router alone keeps every promise under the load of the fault tests', async () => {
  const scene = await startScene(undefined, { routerCount: 1 });
  await forMs(2_000);
  await scene.finish({ losesNoCall: true, noticeMs: 0, endingMs: 0, answerMs: 1_000 });
  const { sessions, publications, calls } = scene.journal;
  expect(publications.length).toBeGreaterThan(60);
  expect(calls.length).toBeGreaterThan(40);
  expect(sessions.flatMap(({ events }) => events).length).toBeGreaterThan(200);
});

it('routers that know nothing of each other are found out', async () => {
  const scene = startScene(undefined, { routerCount: 2, joinMs: 2_000, apps: false });
  await expect(scene).rejects.toThrow(/not everything works after/);
});
