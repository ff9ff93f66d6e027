import { describe, it } from 'vitest';
import { play, SEED } from './play.js';
import { scheduleArbitrary, type Faults, type PartFaults } from './schedule.js';

const RUNS_PER_KIND = Number(process.env['GANTRY_SIMULATION_RUNS'] ?? 400);
/** With the meta API, a run of the default length plays the same schedules every time. */
const META_RUNS_PER_KIND = Math.ceil(RUNS_PER_KIND / 4);
const META_SEED = SEED ?? (process.env['GANTRY_SIMULATION_RUNS'] === undefined ? '1' : undefined);

const KINDS: Readonly<Record<Exclude<Faults, PartFaults>, string>> = {
  none: 'while sessions and nodes come and go',
  deaths: 'while nodes die',
  losses: 'while messages between nodes are lost',
  returns: 'while messages between nodes come back',
  isolation: 'while nodes are cut off and come back',
  partitions: 'while pairs of nodes lose each other',
  fencing: 'while nodes are declared dead and come back under another id',
  robberies: 'while the directory loses what callees hold',
  emptying: 'while the directory is emptied, and nodes are cut off or die',
  all: 'while all of that happens at once',
};

describe('random schedules of a whole cluster', () => {
  for (const [faults, when] of Object.entries(KINDS) as [keyof typeof KINDS, string][]) {
    it(`keep the promises G1 to G5 ${when}`, () => play(scheduleArbitrary(faults), RUNS_PER_KIND, SEED));

    it(`bring each meta event, testament and retained event once, in order, ${when}`, () =>
      play(scheduleArbitrary(faults, true), META_RUNS_PER_KIND, META_SEED));
  }
});
