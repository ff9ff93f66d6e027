import { expect, it } from 'vitest';
import { Scene } from '../../../support/realm-scene.js';

const LEFT = 'wamp.session.on_leave';

/** Two nodes: a session on the first, and on the second one that watches who leaves. */
async function scene() {
  const scene = new Scene();
  const [near, far] = [await scene.node('near'), await scene.node('far')];
  const watcher = far.join();
  watcher.subscribe(LEFT);
  await scene.deliver();
  const leaver = near.join();
  await scene.deliver();
  return { scene, near, far, watcher, leaver };
}

it('a session that leaves is published at once where the node is certain that it lives', async () => {
  const { scene: world, leaver, watcher } = await scene();
  leaver.realm.remove(leaver.session);
  await world.deliver();
  expect(watcher.events).toBe(1);
});

it('a session that leaves is not published where the realm has no meta API any more', async () => {
  const { scene: world, far, leaver, watcher } = await scene();
  far.realm.meta.apply('off');
  leaver.realm.remove(leaver.session);
  await world.deliver();
  expect(watcher.events).toBe(0);
});

it('a session that leaves while its node is cut off is published once, when the node is back', async () => {
  const { scene: world, near, leaver, watcher } = await scene();
  world.hub.faults.isolate(near.backplane.node);
  leaver.realm.remove(leaver.session);
  near.passTime();
  await world.deliver();
  expect(watcher.events).toBe(0);
  world.hub.faults.heal(near.backplane.node);
  near.passTime();
  await world.deliver();
  near.passTime();
  await world.deliver();
  expect(watcher.events).toBe(1);
});

it('a session that is closed with all others while its node is cut off is not published, not even when the node is back', async () => {
  const { scene: world, near, leaver, watcher } = await scene();
  world.hub.faults.isolate(near.backplane.node);
  near.realm.meta.silently(() => leaver.realm.remove(leaver.session));
  world.hub.faults.heal(near.backplane.node);
  await world.deliver();
  near.passTime();
  await world.deliver();
  expect(near.realm.testaments.isWaiting).toBe(false);
  expect(watcher.events).toBe(0);
});

it('of a node that was declared dead while it was cut off, only the node that removes the row publishes', async () => {
  const { scene: world, near, far, leaver, watcher } = await scene();
  world.hub.faults.isolate(near.backplane.node);
  leaver.realm.remove(leaver.session);
  world.hub.faults.declareDead(near.backplane.node);
  await world.deliver();
  far.passTime();
  await world.deliver();
  expect(watcher.events).toBe(1);
  world.hub.faults.heal(near.backplane.node);
  near.passTime();
  await world.deliver();
  expect(watcher.events).toBe(1);
});
