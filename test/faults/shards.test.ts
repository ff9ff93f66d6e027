import { expect, it } from 'vitest';
import { play } from './play.js';
import type { Schedule } from './schedule.js';

/** A primary stands still until its replica has taken over, and comes back; then slots in use move while a node is replaced. */
const SCHEDULE: Schedule = {
  seed: 20_261_202,
  round: 0,
  nodeCount: 3,
  isSharded: true,
  blows: [
    { afterMs: 500, fault: { what: 'shard-freeze', shard: 0, forMs: 3_000 } },
    {
      afterMs: 500,
      fault: { what: 'move-slots', shard: 1, to: 2, isWhole: false },
      beside: { what: 'kill', places: [1], backAfterMs: 0 },
    },
  ],
  calmMs: 500,
};

it('keeps every promise over a Redis Cluster whose primaries fail and whose slots move (G1 to G11)', async () => {
  const { violations } = await play(SCHEDULE);
  expect(violations).toEqual([]);
});
