import { isAllowed, type Schedule } from './schedule.js';
import type { Meddle } from './simulated-node.js';
import { judgeMetaEvents } from './verdict-meta.js';
import { judgeEmpty, judgeSettled } from './verdict.js';
import { World } from './world.js';

export interface Outcome {
  /** What went against the promises, in the order found. */
  readonly violations: readonly string[];
  /** How much happened, to see that schedules are worth their time. */
  readonly eventCount: number;
  readonly resultCount: number;
  readonly callCount: number;
}

const SETUP_MS = 1_000;

/** Plays a schedule to its end and reports each broken promise. */
export async function simulate(schedule: Schedule, meddle?: Meddle): Promise<Outcome> {
  const world = new World(schedule, meddle);
  await world.begin();
  for (const step of schedule.setup) await world.takeStep(step);
  await world.pass(SETUP_MS);
  for (const step of schedule.steps) if (isAllowed(step, schedule.faults)) await world.takeStep(step);
  await world.settle();
  judgeSettled(world);
  judgeMetaEvents(world);
  await world.end();
  judgeEmpty(world);
  const { violations, subscriptions, calls } = world.journal;
  return {
    violations,
    eventCount: subscriptions.reduce((sum, { received }) => sum + received.size, 0),
    resultCount: calls.filter(({ end }) => end?.error === '').length,
    callCount: calls.length,
  };
}
