import { mkdirSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scheduleArbitrary, type Faults, type Schedule } from './schedule.js';
import { simulate } from './simulate.js';

// GANTRY_SIMULATION_RUNS and GANTRY_SIMULATION_SEED make a long night of it, or one night again.
const RUNS_PER_KIND = Number(process.env['GANTRY_SIMULATION_RUNS'] ?? 400);
const SEED = process.env['GANTRY_SIMULATION_SEED'];
/** With the meta API, a run of the default length plays the same schedules every time. */
const META_RUNS_PER_KIND = Math.ceil(RUNS_PER_KIND / 4);
const META_SEED = SEED ?? (process.env['GANTRY_SIMULATION_RUNS'] === undefined ? '1' : undefined);
/** Reached only while a failing schedule is being made smaller. */
const PATIENCE_MS = 200_000;

const KINDS: Readonly<Record<Faults, string>> = {
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
  for (const [faults, when] of Object.entries(KINDS) as [Faults, string][]) {
    it(`keep the promises G1 to G5 ${when}`, () => play(scheduleArbitrary(faults), RUNS_PER_KIND, SEED));

    it(`bring each meta event, testament and retained event once, in order, ${when}`, () =>
      play(scheduleArbitrary(faults, true), META_RUNS_PER_KIND, META_SEED));
  }
});

async function play(schedules: fc.Arbitrary<Schedule>, numRuns: number, seed: string | undefined): Promise<void> {
  const total = { events: 0, results: 0, calls: 0 };
  const property = fc.asyncProperty(schedules, async (schedule) => {
    const { violations, eventCount, resultCount, callCount } = await simulate(schedule);
    total.events += eventCount;
    total.results += resultCount;
    total.calls += callCount;
    if (violations.length > 0) throw new Error(violations.join('\n'));
  });
  const outcome = await fc.check(property, {
    numRuns,
    interruptAfterTimeLimit: PATIENCE_MS,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
  });
  if (outcome.failed && outcome.counterexample !== null)
    report(outcome.seed, outcome.counterexample[0], outcome.errorInstance);
  expect(outcome.numRuns).toBe(numRuns);
  // Schedules in which nothing happens would prove nothing.
  expect(total.events / numRuns).toBeGreaterThan(10);
  expect(total.calls / numRuns).toBeGreaterThan(10);
  expect(total.results / numRuns).toBeGreaterThan(1);
}

/** Keeps the schedule as a case that every later run replays, and reports how to replay it alone. */
function report(seed: number, schedule: Schedule, cause: unknown): never {
  const folder = new URL('cases/', import.meta.url);
  const name = `found-${schedule.faults}-${seed}.json`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(name, folder), `${JSON.stringify(schedule, undefined, 2)}\n`);
  const message = cause instanceof Error ? cause.message : String(cause);
  throw new Error(
    `${message}\n\nThe smallest schedule found is kept as test/simulation/cases/${name}: commit it with the fix.\n` +
      `Replay it: npx vitest run --config test/vitest.config.ts --project simulation cases -t ${name}\n` +
      `The whole run again: GANTRY_SIMULATION_SEED=${seed}\n${JSON.stringify(schedule)}`,
  );
}
