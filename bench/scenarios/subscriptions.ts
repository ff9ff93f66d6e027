import {
  closedLoop,
  endpointOf,
  measureCase,
  runOnce,
  subjectOf,
  withRouters,
  type Bench,
  type Scenario,
  type Started,
} from '../bench.js';
import { cpuMicros, ratePerSecond } from '../compare.js';
import type { Outcome, SubscriptionsJob } from '../load/job.js';
import { atMost, figure, type Figure } from '../report/figures.js';
import { fanoutJobs, windowFor } from './fanout.js';

type Match = SubscriptionsJob['match'];

const prefix = 'com.bench.load';
// Like the patterns as far as they go, and matched by none of them.
const topic = 'com.bench.load.areax.sensorx';
const sessions = 20;

export const subscriptions: Scenario = {
  name: 'subscriptions',
  about:
    'Subscriptions to topics (or half prefix, half wildcard patterns) of their own: memory, and what publishing costs.',
  run: async (bench) => {
    const count = bench.settings.subscriptions;
    const cases: readonly [Match, string][] = [
      ['exact', `${count} topics`],
      ['pattern', `${count} patterns`],
    ];
    for (const [match, name] of cases) {
      await measureCase(bench, subscriptions.name, name, () => measure(bench, match, count));
    }
  },
};

interface Run {
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly empty: Outcome;
  readonly full: Outcome;
}

async function measure(bench: Bench, match: Match, count: number): Promise<Figure[]> {
  const runs: Run[] = [];
  for (let run = 0; run < bench.settings.memoryRuns; run += 1) {
    runs.push(await withRouters([subjectOf(bench)], true, ([subject]) => runWith(bench, subject!, match, count)));
  }
  const rates = [
    figure(
      'empty: events/s',
      '/s',
      runs.map(({ empty }) => ratePerSecond(empty)),
    ),
    figure(
      'full: events/s',
      '/s',
      runs.map(({ full }) => ratePerSecond(full)),
    ),
  ];
  if (runs.some(({ empty }) => empty.cpuSeconds === null)) return rates;
  const costs = runs.map(({ empty, full }) => cpuMicros(full) / cpuMicros(empty));
  return [
    figure(
      'RSS each',
      'B',
      runs.map(({ residentBytes }) => residentBytes),
      atMost(512),
    ),
    figure(
      'heap each',
      'B',
      runs.map(({ heapBytes }) => heapBytes),
      atMost(512),
    ),
    figure('publish cost, of an empty router', '×', costs, atMost(2)),
    figure(
      'empty: CPU/event',
      'µs',
      runs.map(({ empty }) => cpuMicros(empty)),
    ),
    figure(
      'full: CPU/event',
      'µs',
      runs.map(({ full }) => cpuMicros(full)),
    ),
    ...rates,
  ];
}

async function runWith(bench: Bench, subject: Started, match: Match, count: number): Promise<Run> {
  const publishOnce = (): Promise<Outcome> =>
    runOnce(
      bench,
      subject,
      fanoutJobs(bench.settings, 'json', ['json'], 32, topic),
      closedLoop(bench.settings, windowFor(1)),
    );
  const perSession = Math.ceil(count / sessions);
  const job: SubscriptionsJob = {
    kind: 'subscriptions',
    serializer: 'json',
    sessions,
    subscriptionsPerSession: perSession,
    match,
    prefix,
    outstanding: 256,
  };
  // Warms the router up.
  await publishOnce();
  const load = await bench.pool.open(endpointOf(subject), [job]);
  try {
    const empty = await publishOnce();
    const before = await subject.running.memory();
    await load.run(closedLoop(bench.settings, 1));
    const after = await subject.running.memory();
    const full = await publishOnce();
    const held = perSession * sessions;
    return {
      residentBytes: (after.residentBytes - before.residentBytes) / held,
      heapBytes: ((after.heapBytes ?? NaN) - (before.heapBytes ?? NaN)) / held,
      empty,
      full,
    };
  } finally {
    await load.close();
  }
}
