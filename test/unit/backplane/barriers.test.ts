import { describe, expect, it } from 'vitest';
import { VersionWaits } from '../../../src/backplane/memory/version-waits.js';
import type { NodeId } from '../../../src/wamp/ids.js';
import { expectQuick } from '../../support/quick.js';

const [one, two] = ['n1', 'n2'] as NodeId[] as [NodeId, NodeId];

describe('barriers', () => {
  it('open when every node has confirmed their version or a later one, or has gone (G2)', async () => {
    const barriers = new VersionWaits();
    const opened: number[] = [];
    for (const version of [1, 1, 2, 3]) void barriers.wait(version, [one, two])?.then(() => opened.push(version));
    barriers.confirm(one, 3);
    barriers.confirm(two, 1);
    await Promise.resolve();
    expect(opened).toEqual([1, 1]);
    barriers.drop(two);
    await Promise.resolve();
    expect(opened).toEqual([1, 1, 2, 3]);
    expect(barriers.size).toBe(0);
    expect(barriers.wait(4, [])).toBeUndefined();
  });

  it('are opened one by one at a cost that does not grow with those that wait', () => {
    const count = 100_000;
    expectQuick(1_000, () => {
      const barriers = new VersionWaits();
      for (let version = 1; version <= count; version++) void barriers.wait(version, [one, two]);
      for (const node of [one, two]) {
        expect(barriers.size).toBe(count);
        for (let version = 1; version <= count; version++) barriers.confirm(node, version);
      }
      expect(barriers.size).toBe(0);
    });
  });

  it('fail together when the node has to give up waiting', async () => {
    const barriers = new VersionWaits();
    const waits = [barriers.wait(1, [one]), barriers.wait(2, [one, two])];
    barriers.confirm(one, 1);
    barriers.rejectAll(new Error('over'));
    await expect(waits[0]).resolves.toBeUndefined();
    await expect(waits[1]).rejects.toThrow('over');
    expect(barriers.size).toBe(0);
  });
});
