import { mkdirSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Schedule } from './schedule.js';
import { simulate } from './simulate.js';

// GANTRY_SIMULATION_RUNS and GANTRY_SIMULATION_SEED make a long night of it, or one night again.
export const SEED = process.env['GANTRY_SIMULATION_SEED'];
/** Reached only while a failing schedule is being made smaller. */
const PATIENCE_MS = 200_000;
/** How much happens in a schedule, on average. */
const LEAST = { events: 10, calls: 10, results: 1 };

/** Plays random schedules; one that goes wrong is made smaller and kept. */
export async function play(
  schedules: fc.Arbitrary<Schedule>,
  numRuns: number,
  seed: string | undefined,
  least: { readonly events: number; readonly calls: number; readonly results: number } = LEAST,
): Promise<void> {
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
  expect(total.events / numRuns).toBeGreaterThan(least.events);
  expect(total.calls / numRuns).toBeGreaterThan(least.calls);
  expect(total.results / numRuns).toBeGreaterThan(least.results);
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
