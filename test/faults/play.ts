import { tracesOf } from '../cluster/harness/store.js';
import { forMs, within } from '../cluster/harness/wait.js';
import { Arena } from './arena.js';
import { strike } from './blow.js';
import { labelOf } from './fault.js';
import type { Blow, Schedule } from './schedule.js';

export interface Played {
  readonly schedule: Schedule;
  readonly strikes: readonly Strike[];
  /** Operations of all clients, from the first to the last. */
  readonly operationCount: number;
  readonly eventCount: number;
  readonly violations: readonly string[];
  readonly tookMs: number;
}

export interface Strike {
  readonly label: string;
  /** Operations from this fault until the next. */
  operationCount: number;
  /** From when all may have healed until everything worked, from every node to every node. Undefined: it did not. */
  healMs: number | undefined;
}

/** Healing takes longer than this on no machine: then something hangs. */
const HEAL_LIMIT_MS = 20_000;
/** With the default lease: what a dead node leaves is gone everywhere by then, and its renewal, and a moment. */
const GHOST_MS = 10_500;
const TERMS = { noticeMs: 5_000, endingMs: 1_500, ghostMs: GHOST_MS, answerMs: 17_000 };

/** Plays one round. Violations of what is promised are in what it gives; it rejects only where no cluster can be had. */
export async function play(schedule: Schedule, note: (line: string) => void = () => undefined): Promise<Played> {
  const startMs = Date.now();
  const arena = await Arena.open(schedule);
  const strikes: Strike[] = [];
  let violations: string[];
  try {
    for (const blow of schedule.blows) await take(arena, blow, strikes, note);
    await forMs(schedule.calmMs);
    violations = await arena.scene.conclude(TERMS);
  } catch (error) {
    violations = [`G6: ${error instanceof Error ? error.message : String(error)}`];
  } finally {
    await arena.close();
  }
  const { journal } = arena.scene;
  return {
    schedule,
    strikes,
    operationCount: operationsOf(arena),
    eventCount: journal.sessions.reduce((sum, { events }) => sum + events.length, 0),
    violations,
    tookMs: Date.now() - startMs,
  };
}

async function take(arena: Arena, blow: Blow, strikes: Strike[], note: (line: string) => void): Promise<void> {
  const { scene } = arena;
  await forMs(blow.afterMs);
  const done: Strike = { label: labelOf(blow.fault, arena.nodeCount), operationCount: 0, healMs: undefined };
  strikes.push(done);
  const before = operationsOf(arena);
  const { healsFromMs, over, after, dead = [] } = await strike(arena, blow.fault);
  await scene.sweep(HEAL_LIMIT_MS);
  done.healMs = Date.now() - healsFromMs;
  over();
  note(`  ${done.label}: healed in ${(done.healMs / 1_000).toFixed(1)} s`);
  for (const node of dead)
    await within(GHOST_MS, `nothing is left of ${node}`, () => tracesOf(scene.redis!, scene.prefix, node));
  await after?.();
  done.operationCount = operationsOf(arena) - before;
}

function operationsOf({ scene }: Arena): number {
  const { sessions, subscriptions, registrations, publications, calls } = scene.journal;
  return sessions.length + subscriptions.length + registrations.length + publications.length + calls.length;
}
