import { tracesOf } from '../cluster/harness/store.js';
import { forMs, within } from '../cluster/harness/wait.js';
import { Arena, type Variables } from './arena.js';
import { strike } from './blow.js';
import { judgeCalm } from './calm.js';
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
  /** What clients and routers did, where a promise was broken. */
  readonly history: string | undefined;
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
const OVERLAP = 'two faults at a time';
const TERMS = { noticeMs: 5_000, endingMs: 1_500, ghostMs: GHOST_MS, answerMs: 17_000 };

/**
 * Plays one round. Violations of what is promised are in what it gives; it rejects only where no cluster can be had.
 * `variables`: of the environment of each router.
 */
export async function play(
  schedule: Schedule,
  note: (line: string) => void = () => undefined,
  variables: Variables = {},
): Promise<Played> {
  const startMs = Date.now();
  const arena = await Arena.open(schedule, variables);
  const strikes: Strike[] = [];
  const violations: string[] = [];
  try {
    for (const blow of schedule.blows) violations.push(...(await take(arena, blow, strikes, note)));
    await forMs(schedule.calmMs);
    violations.push(...(await judgeCalm(arena)));
    violations.push(...(await arena.scene.conclude(TERMS)));
  } catch (error) {
    violations.push(`G6: ${error instanceof Error ? error.message : String(error)}`);
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
    history: violations.length === 0 ? undefined : arena.scene.history(),
  };
}

/** Gives what the faults themselves showed to break a promise. */
async function take(arena: Arena, blow: Blow, strikes: Strike[], note: (line: string) => void): Promise<string[]> {
  const { scene } = arena;
  await forMs(blow.afterMs);
  const faults = [blow.fault, ...(blow.beside === undefined ? [] : [blow.beside])];
  const labels = faults.map((fault) => labelOf(fault, arena.nodeCount));
  const done: Strike = { label: faults.length > 1 ? OVERLAP : labels[0]!, operationCount: 0, healMs: undefined };
  strikes.push(done);
  const before = operationsOf(arena);
  const struck = await Promise.all(faults.map((fault) => strike(arena, fault)));
  await scene.sweep(HEAL_LIMIT_MS);
  done.healMs = Date.now() - Math.max(...struck.map(({ healsFromMs }) => healsFromMs));
  for (const { over } of struck) over();
  note(`  ${labels.join(' and ')}: healed in ${(done.healMs / 1_000).toFixed(1)} s`);
  for (const node of struck.flatMap(({ dead = [] }) => dead))
    await within(GHOST_MS, `nothing is left of ${node}`, () => tracesOf(scene.store, scene.prefix, node));
  await Promise.all(struck.map(({ after }) => after?.() ?? Promise.resolve()));
  done.operationCount = operationsOf(arena) - before;
  return struck.flatMap(({ violations = [] }) => violations);
}

function operationsOf({ scene }: Arena): number {
  const { sessions, subscriptions, registrations, publications, calls } = scene.journal;
  return sessions.length + subscriptions.length + registrations.length + publications.length + calls.length;
}
