import type { Bench } from '../../bench.js';
import { laneCounts, laneCountsBetween, sumOfLanes } from '../../cluster/lane-counts.js';
import { sum } from '../../cluster/measure.js';
import { sample, type Page } from '../../cluster/metrics-page.js';
import type { LoadPool, OpenLoad } from '../../load-pool.js';
import type { Job, Outcome, Plan } from '../../load/job.js';
import type { Arm, ArmName, Arms } from './arms.js';

/** Two sessions land in one process with a probability of a half: so many attempts fail once in 10^19. */
const maxAttempts = 64;

export interface Load {
  readonly name: string;
  readonly unit: 'event' | 'call';
  readonly jobs: readonly Job[];
  readonly plan: Plan;
  /** Receivers of one publication; a call has one. */
  readonly receivers: number;
  /** Where a load of two sessions has them; absent: as the system spreads them. */
  readonly placement?: 'together' | 'apart';
}

/** One run of a load on one arm. */
export interface Measured {
  /** CPU time for each event or call, in microseconds: of all processes of Gantry, and of Redis. */
  readonly gantryUs: number;
  readonly redisUs: number;
  readonly perSecond: number;
  /** CPU time of all processes of Gantry, of one core. */
  readonly busy: number;
  /** Null where there is one process. */
  readonly crossing: Crossing | null;
}

/** The traffic between the processes. */
export interface Crossing {
  /** The share of the events or calls that another process received or answered. */
  readonly share: number;
  /** Publications or calls to another process, for each event or call. */
  readonly each: number;
  readonly itemsPerBatch: number;
}

export type Run = Readonly<Record<ArmName, Measured>>;

/** Runs one load on each arm in turn, several times over. */
export async function alternate(bench: Bench, pool: LoadPool, arms: Arms, load: Load): Promise<readonly Run[]> {
  const { coldRuns, runs } = bench.settings;
  const measured: Run[] = [];
  for (let run = -coldRuns; run < runs; run += 1) {
    const one: Run = {
      alone: await runOn(pool, arms.alone, load),
      one: await runOn(pool, arms.one, load),
      two: await runOn(pool, arms.two, load),
      twoBySocket: await runOn(pool, arms.twoBySocket, load),
    };
    if (run >= 0) measured.push(one);
  }
  return measured;
}

async function runOn(pool: LoadPool, arm: Arm, load: Load): Promise<Measured> {
  const open = await openPlaced(pool, arm, load);
  try {
    const before = await arm.pages();
    const outcome = await open.run({ ...load.plan, watched: [arm.redisPid] });
    const after = await arm.pages();
    if (outcome?.cpuSeconds === undefined || outcome.cpuSeconds === null) throw new Error('this job counts nothing');
    const { messages, seconds, cpuSeconds, watchedSeconds = [] } = outcome;
    return {
      gantryUs: (cpuSeconds / messages) * 1e6,
      redisUs: (sum(watchedSeconds) / messages) * 1e6,
      perSecond: messages / seconds,
      busy: cpuSeconds / seconds,
      crossing: arm.processes === 1 ? null : crossingOf(load, outcome, before, after),
    };
  } finally {
    await open.close();
  }
}

/** The system chooses the process of each connection: the load connects again until it has its sessions where it wants them. */
async function openPlaced(pool: LoadPool, arm: Arm, { jobs, placement }: Load): Promise<OpenLoad> {
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    await arm.empty();
    const open = await pool.open(arm.endpoint, jobs);
    if (placement === undefined || arm.processes === 1) return open;
    const used = (await arm.sessions()).filter((count) => count > 0).length;
    if ((placement === 'together') === (used === 1)) return open;
    await open.close();
  }
  throw new Error(`the system never had the sessions ${String(placement)} in ${maxAttempts} attempts`);
}

function crossingOf(
  { unit, receivers }: Load,
  outcome: Outcome,
  before: readonly Page[],
  after: readonly Page[],
): Crossing {
  const lanes = after.map((page, index) => laneCountsBetween(laneCounts(before[index]!), laneCounts(page)));
  const total = sumOfLanes(lanes);
  const itemsPerBatch = total.batches === 0 ? NaN : total.items / total.batches;
  if (unit === 'call') {
    // The way there and back.
    const each = total.callItems / 2 / outcome.sent;
    return { share: each, each, itemsPerBatch };
  }
  return {
    share: receivedShare(before, after),
    each: total.publications / (outcome.sent * receivers),
    itemsPerBatch,
  };
}

/** The share of the events that processes delivered which received the publications from another one. */
function receivedShare(before: readonly Page[], after: readonly Page[]): number {
  const grown = (name: string): readonly number[] =>
    after.map((page, index) => sample(page, name) - sample(before[index]!, name));
  const received = grown('gantry_cluster_items_received_total{kind="publication"}');
  const delivered = grown('gantry_events_delivered_total');
  const fromOthers = delivered.filter((_, index) => received[index]! > 0);
  return sum(fromOthers) / sum(delivered);
}
