import { measureCase, runOnce, type Bench, type Started } from './bench.js';
import type { Job, Outcome, Plan } from './load/job.js';
import { atLeast, figure, type Figure, type Target } from './report/figures.js';

export interface Comparison {
  readonly scenario: string;
  readonly name: string;
  /** The unit that is counted: event, call, chunk. */
  readonly unit: string;
  readonly jobs: readonly Job[];
  readonly plan: Plan;
  /** The share of the relay that must be reached. */
  readonly ofRelay: number;
  /** The share of another build's throughput that must be reached; 0.97 where absent. */
  readonly ofBefore?: number;
  /** How many times another router's messages per CPU time are aimed at, by its name. */
  readonly timesPeer: Readonly<Record<string, number>>;
}

/** Runs one load against each router in turn, several times over, and sets the outcomes beside each other. */
export async function compare(bench: Bench, started: readonly Started[], comparison: Comparison): Promise<void> {
  await measureCase(bench, comparison.scenario, comparison.name, async () => {
    const outcomes = await alternate(bench, started, comparison);
    return figuresOf(bench, outcomes, comparison);
  });
}

/** The outcomes of one router. */
export interface Measured {
  readonly router: string;
  readonly outcomes: readonly Outcome[];
}

/** Runs one load against each router in turn, several times over. */
export async function alternate(
  bench: Bench,
  started: readonly Started[],
  { jobs, plan }: Pick<Comparison, 'jobs' | 'plan'>,
): Promise<Measured[]> {
  const measured = started.map(({ router }) => ({ router: router.name, outcomes: new Array<Outcome>() }));
  const { coldRuns, runs } = bench.settings;
  for (let run = -coldRuns; run < runs; run += 1) {
    for (const [index, one] of started.entries()) {
      const outcome = await runOnce(bench, one, jobs, planFor(one, jobs, plan));
      if (run >= 0) measured[index]!.outcomes.push(outcome);
    }
  }
  return measured;
}

/** A router that drops messages gets fewer at once. The window is that of each sender. */
function planFor({ router: { maxOutstanding } }: Started, jobs: readonly Job[], plan: Plan): Plan {
  const { pace } = plan;
  if (maxOutstanding === undefined || pace.kind === 'open') return plan;
  const senders = Math.max(...jobs.map((job) => (job.kind === 'rpc' ? job.callers : 1)));
  const window = Math.max(1, Math.min(pace.window, Math.floor(maxOutstanding / senders)));
  return { ...plan, pace: { ...pace, window } };
}

function figuresOf(bench: Bench, measured: readonly Measured[], comparison: Comparison): Figure[] {
  const own = measured.flatMap((one) => ownFigures(one, comparison.unit));
  const [first, ...others] = measured;
  if (first === undefined || bench.against === 'nothing') return own;
  if (bench.against === 'relay') return [...shareFigures(first, others, atLeast(comparison.ofRelay)), ...own];
  if (bench.against === 'build')
    return [...others.flatMap((before) => buildFigures(first, before, comparison.ofBefore ?? 0.97)), ...own];
  const times = others.flatMap((peer) => peerFigures(first, peer, comparison.timesPeer[peer.router]));
  return [...times, ...own];
}

export function ownFigures({ router, outcomes }: Measured, unit: string): Figure[] {
  const rate = figure(`${router} ${unit}s/s`, '/s', outcomes.map(ratePerSecond));
  const cpu = outcomes.map(cpuMicros);
  if (cpu.some(Number.isNaN)) return [rate];
  return [
    figure(`${router} CPU/${unit}`, 'µs', cpu),
    rate,
    figure(
      `${router} busy`,
      '%',
      outcomes.map(({ cpuSeconds, seconds }) => ((cpuSeconds ?? NaN) / seconds) * 100),
    ),
  ];
}

/** The relay comes first; what a router needs more CPU time for shows as a smaller share. */
function shareFigures(relay: Measured, routers: readonly Measured[], target: Target): Figure[] {
  return routers.flatMap(({ outcomes }) => [
    figure(
      'of the relay, CPU',
      '',
      pairwise(relay.outcomes, outcomes, (a, b) => cpuMicros(a) / cpuMicros(b)),
      target,
    ),
    figure(
      'of the relay, rate',
      '',
      pairwise(relay.outcomes, outcomes, (a, b) => ratePerSecond(b) / ratePerSecond(a)),
      target,
    ),
  ]);
}

/** Above 1: this build needs less CPU time, or sends more, than the one before. */
function buildFigures(subject: Measured, before: Measured, aim: number): Figure[] {
  const cpu = pairwise(subject.outcomes, before.outcomes, (a, b) => cpuMicros(b) / cpuMicros(a));
  const rate = pairwise(subject.outcomes, before.outcomes, (a, b) => ratePerSecond(a) / ratePerSecond(b));
  return [figure('of before, CPU', '', cpu, atLeast(aim)), figure('of before, rate', '', rate, atLeast(aim))];
}

function peerFigures(subject: Measured, peer: Measured, aim: number | undefined): Figure[] {
  const target = aim === undefined ? null : atLeast(aim);
  const perCore = pairwise(subject.outcomes, peer.outcomes, (a, b) => cpuMicros(b) / cpuMicros(a));
  const rate = pairwise(subject.outcomes, peer.outcomes, (a, b) => ratePerSecond(a) / ratePerSecond(b));
  return [figure(`× ${peer.router}, per CPU time`, '×', perCore, target), figure(`× ${peer.router}, rate`, '×', rate)];
}

export function pairwise(
  a: readonly Outcome[],
  b: readonly Outcome[],
  ratio: (a: Outcome, b: Outcome) => number,
): number[] {
  return a.map((outcome, run) => ratio(outcome, b[run]!));
}

export function ratePerSecond({ messages, seconds }: Outcome): number {
  return messages / seconds;
}

/** NaN where the router's process is out of sight. */
export function cpuMicros({ messages, cpuSeconds }: Outcome): number {
  return cpuSeconds === null ? NaN : (cpuSeconds / messages) * 1e6;
}
