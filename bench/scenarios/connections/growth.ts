import { setTimeout as pause } from 'node:timers/promises';
import { withRouters, type Bench, type Started } from '../../bench.js';
import type { Outcome } from '../../load/job.js';
import { atMost, figure, type Figure } from '../../report/figures.js';
import type { Memory, Router } from '../../routers/router.js';
import { lineUp } from '../fanout.js';
import { longestOf, openBystanders, p99Of } from './bystanders.js';
import { openCrowd, steadily, type Arrival } from './crowd.js';

const settleMs = 1_000;
const smokeSettleMs = 20;

interface Growth {
  /** Bytes of each session. */
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly arrival: Arrival;
  /** Events of the sessions beside the crowd; null on the relay. */
  readonly quiet: Outcome | null;
  readonly felt: Outcome | null;
}

/** Measures the memory that each session adds to a router started for this, and the delay of others while they join. */
export async function measureGrowth(bench: Bench, count: number): Promise<Figure[]> {
  const routers = lineUp(bench);
  const runs = routers.map((): Growth[] => []);
  for (let run = 0; run < bench.settings.memoryRuns; run += 1) {
    for (const [index, router] of routers.entries()) runs[index]!.push(await growth(bench, router, count));
  }
  const own = routers.flatMap(({ name, wire }, index) => figuresOf(name, wire === 'relay', runs[index]!, count));
  if (bench.against !== 'relay') return own;
  const [relay, subject] = runs;
  const above = subject!.map(({ residentBytes }, run) => residentBytes - relay![run]!.residentBytes);
  return [figure('RSS above the relay, each', 'B', above, atMost(4_096)), ...own];
}

function figuresOf(name: string, isRelay: boolean, runs: readonly Growth[], count: number): Figure[] {
  const each = (label: string, unit: string, of: (run: Growth) => number): Figure =>
    figure(`${name} ${label}`, unit, runs.map(of));
  const memory = [
    each('RSS', 'B', ({ residentBytes }) => residentBytes),
    each('heap', 'B', ({ heapBytes }) => heapBytes),
  ].filter(({ values }) => !values.some(Number.isNaN));
  if (isRelay) return memory;
  return [
    ...memory,
    each('joins/s', '/s', ({ arrival: { seconds } }) => count / seconds),
    each('CPU/join', 'µs', ({ arrival }) => (arrival.cpuSeconds / count) * 1e6),
    each('busy', '%', ({ arrival: { seconds, cpuSeconds } }) => (cpuSeconds / seconds) * 100),
    each('event p99', 'ms', ({ felt }) => (felt === null ? NaN : p99Of(felt))),
    each('event p99 undisturbed', 'ms', ({ quiet }) => (quiet === null ? NaN : p99Of(quiet))),
    each('worst', 'ms', ({ felt }) => (felt === null ? NaN : longestOf(felt))),
  ];
}

async function growth(bench: Bench, router: Router, count: number): Promise<Growth> {
  return withRouters([router], true, async ([started]) => {
    const { running } = started!;
    // Code that has never run, and buffers that are made once, are not a session's cost.
    await warmUp(bench, started!, Math.ceil(count / 50));
    const bystanders = router.wire === 'relay' ? null : await openBystanders(bench, started!);
    const crowd = await openCrowd(bench, started!, count);
    try {
      const quiet = bystanders === null ? null : await bystanders.quietly();
      await settle(bench);
      const before = await running.memory();
      const come = (): Promise<Arrival> => crowd.come(steadily);
      const [felt, arrival] = bystanders === null ? [null, await come()] : await bystanders.during(come);
      await settle(bench);
      const after = await running.memory();
      await crowd.verify();
      return { ...growthOf(before, after, count), arrival, quiet, felt };
    } finally {
      await crowd.close();
      await bystanders?.close();
    }
  });
}

function growthOf(before: Memory, after: Memory, count: number): Pick<Growth, 'residentBytes' | 'heapBytes'> {
  return {
    residentBytes: (after.residentBytes - before.residentBytes) / count,
    heapBytes: ((after.heapBytes ?? NaN) - (before.heapBytes ?? NaN)) / count,
  };
}

async function warmUp(bench: Bench, started: Started, count: number): Promise<void> {
  const crowd = await openCrowd(bench, started, count);
  try {
    await crowd.come(steadily);
  } finally {
    await crowd.close();
  }
  await settle(bench);
}

function settle(bench: Bench): Promise<void> {
  return pause(bench.settings.mode === 'smoke' ? smokeSettleMs : settleMs);
}
