import { describe, it } from 'vitest';
import { play, SEED } from './play.js';
import { partScheduleArbitrary, type Faults } from './schedule.js';

const RUNS = process.env['GANTRY_SIMULATION_RUNS'];
const RUNS_PER_KIND = Number(RUNS ?? 8);
/** A run of the default length plays the same schedules every time. */
const PART_SEED = SEED ?? (RUNS === undefined ? '1' : undefined);
/** Outages leave less of it. */
const LEAST = { events: 2, calls: 5, results: 0.5 };

const KINDS = {
  none: 'while sessions and nodes come and go',
  deaths: 'while nodes die',
  isolation: 'while nodes are cut off and come back',
  fencing: 'while nodes are declared dead and come back under another id',
  outages: 'while parts of the store are out of reach',
  'take-overs': 'while replicas that are behind take over parts of the store',
  'emptied-parts': 'while parts of the store lose their data',
  'all-parts': 'while all of that happens at once',
} satisfies Partial<Record<Faults, string>>;

describe('random schedules of a cluster over a Redis Cluster (ADR 52)', () => {
  for (const [faults, when] of Object.entries(KINDS) as [keyof typeof KINDS, string][])
    it(`keep the promises G1 to G6 ${when}`, () =>
      play(partScheduleArbitrary(faults), RUNS_PER_KIND, PART_SEED, LEAST));
});
