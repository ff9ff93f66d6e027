import { expect, it } from 'vitest';
import type { Backplane } from '../../../../src/backplane/backplane.js';
import { FaultyHub } from '../../../support/memory-faults.js';
import type { NodeId } from '../../../../src/wamp/ids.js';
import { cancelOf, claimOf, publicationOf, REALM } from '../../../contract/backplane/samples.js';

const [A, B, C] = ['a', 'b', 'c'] as [NodeId, NodeId, NodeId];

async function scene() {
  const runs: { readonly to: NodeId; readonly deliver: () => void }[] = [];
  const seen: string[] = [];
  const hub = new FaultyHub({ schedule: (_from, to, deliver) => runs.push({ to, deliver }) });
  const deliver = (isDue: (to: NodeId) => boolean = () => true): void => {
    for (let at = runs.findIndex(({ to }) => isDue(to)); at >= 0; at = runs.findIndex(({ to }) => isDue(to)))
      runs.splice(at, 1)[0]!.deliver();
  };
  const start = async (node: NodeId): Promise<Backplane> => {
    const backplane = hub.join(node);
    const note = (what: string): undefined => void seen.push(`${node}: ${what}`);
    await backplane.start({
      publication: (from) => note(`event from ${from}`),
      frame: (from) => note(`frame from ${from}`),
      registration: () => undefined,
      nodeGone: (gone) => note(`${gone} has gone`),
      gap: (from) => note(`gap from ${from}`),
      down: () => note('down'),
      returned: (to) => note(`frame came back from ${to}`),
      up: () => note('up'),
      fenced: () => note('fenced'),
    });
    const serving = backplane.serve(REALM);
    deliver();
    await serving;
    return backplane;
  };
  const nodes = { a: await start(A), b: await start(B), c: await start(C) };
  seen.length = 0;
  return { hub, seen, deliver, ...nodes };
}

/** Whether it has been answered. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const none = Symbol('none');
  await new Promise(setImmediate);
  return (await Promise.race([promise, Promise.resolve(none)])) !== none;
}

it('two nodes that lose each other reach everybody else, and receive what they missed (G4, G6)', async () => {
  const { hub, seen, deliver, a, b, c } = await scene();
  for (const node of [b, c]) void node.bus.watch(REALM, 'x', 'exact');
  deliver();
  a.bus.send(B, REALM, cancelOf(A));
  hub.faults.disconnect(A, B, { returns: true });
  await expect(a.bus.publish(REALM, publicationOf('x'))).rejects.toThrow('out of reach');
  expect(a.bus.send(B, REALM, cancelOf(A))).toBe(false);
  expect(a.bus.send(C, REALM, cancelOf(A))).toBe(true);
  expect(b.bus.send(C, REALM, cancelOf(B))).toBe(true);
  deliver();
  expect(seen.sort()).toEqual(['a: frame came back from b', 'c: event from a', 'c: frame from a', 'c: frame from b']);
  seen.length = 0;
  hub.faults.heal(A);
  deliver();
  expect(seen).toEqual(['b: gap from a']);
  expect(a.bus.send(B, REALM, cancelOf(A))).toBe(true);
});

it('a barrier waits for the node that its own cannot reach (G2)', async () => {
  const { hub, deliver, a } = await scene();
  hub.faults.disconnect(A, B);
  const claimed = a.directory.claim(REALM, claimOf(A, 'com.x'));
  deliver();
  expect(await isSettled(claimed)).toBe(false);
  hub.faults.heal(B);
  deliver();
  expect(await claimed).toMatchObject({ kind: 'granted' });
});

it('nothing is written in a directory that was emptied until every node has written its own again (G6)', async () => {
  const { hub, seen, deliver, a, b, c } = await scene();
  void b.bus.watch(REALM, 'x', 'exact');
  deliver();
  hub.faults.empty();
  const claimed = a.directory.claim(REALM, claimOf(A, 'com.x'));
  const watched = Promise.resolve(c.bus.watch(REALM, 'y', 'exact'));
  deliver((to) => to !== B);
  expect(await isSettled(Promise.race([claimed, watched]))).toBe(false);
  // What is on its way between nodes needs no directory.
  await a.bus.publish(REALM, publicationOf('x'));
  deliver();
  expect(seen).toEqual(['b: event from a']);
  deliver();
  expect(await claimed).toMatchObject({ kind: 'granted' });
  await watched;
});

it('a node that is cut off when the directory is emptied is waited for until it is back or declared dead (G2)', async () => {
  for (const end of ['heal', 'declareDead'] as const) {
    const { hub, deliver, a } = await scene();
    hub.faults.isolate(B);
    hub.faults.empty();
    const claimed = a.directory.claim(REALM, claimOf(A, 'com.x'));
    deliver();
    expect(await isSettled(claimed)).toBe(false);
    hub.faults[end](B);
    deliver();
    expect(await isSettled(claimed)).toBe(true);
  }
});

it('what was given up while the directory was empty is not written after all', async () => {
  const { hub, deliver, a } = await scene();
  hub.faults.empty();
  const watched = Promise.resolve(a.bus.watch(REALM, 'x', 'exact'));
  a.bus.unwatch(REALM, 'x', 'exact');
  const again = Promise.resolve(a.bus.watch(REALM, 'x', 'exact'));
  a.bus.unwatch(REALM, 'x', 'exact');
  deliver();
  await Promise.all([watched, again]);
  expect(hub.interestedNodes(B, REALM)).toEqual([]);
});
