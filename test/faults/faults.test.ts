import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../support/root.js';
import type { What } from './fault.js';
import { keptIn } from './kept.js';
import { play } from './play.js';
import { scheduleOf, type Schedule } from './schedule.js';

/** A machine with much else to do plays fewer rounds. */
const MINUTES = 3;
const SEED = 20_260_301;
const NODES = 3;
const FAULTS: readonly What[] = [
  'kill',
  'pause',
  'roll',
  'join',
  'restart-store',
  'freeze-store',
  'flush-store',
  'fill-store',
  'kill-connections',
  'throttle',
  'flush-scripts',
  'flush-new-realm',
  'slow-reader',
  'flood',
];

it(`keeps every promise through ${MINUTES} minutes of faults (G1 to G11)`, async () => {
  const endMs = Date.now() + MINUTES * 60_000;
  for (const schedule of schedules()) {
    if (Date.now() > endMs) break;
    const { violations } = await play(schedule);
    expect(violations, JSON.stringify(schedule)).toEqual([]);
  }
});

function* schedules(): Generator<Schedule> {
  for (const { schedule } of keptIn(join(root, 'test/faults/kept.json'))) yield schedule;
  for (let round = 0; ; round++) yield scheduleOf(SEED, round, { nodeCount: NODES, only: FAULTS });
}
