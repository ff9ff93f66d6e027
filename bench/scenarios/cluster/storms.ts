import { closedLoop, measureCase, type Bench, type Scenario } from '../../bench.js';
import { calm, stormIn, type Storm } from '../../cluster/storm.js';
import type { OpenLoad } from '../../load-pool.js';
import type { IdleJob, Outcome, SubscriptionsJob } from '../../load/job.js';
import { atMost, figure, type Figure } from '../../report/figures.js';

const secondsAtMost = 10;
const delayAtMostUs = 100_000;
const subscribingSessions = 10;
const fewOutstanding = 256;

const others =
  'Meanwhile 200 events a second go from A to B and as many from B to A. Redis commands: those within scripts count, too; ' +
  'lanes and what there is without the storm do not.';

export const topics: Scenario = {
  name: 'topics',
  about: `Topics that nobody had subscribed to, subscribed to on node A by ${subscribingSessions} sessions. ${others}`,
  run: async (bench) => {
    const count = bench.settings.stormTopics;
    for (const [outstanding, how] of [
      [count, 'all at once'],
      [fewOutstanding, `${fewOutstanding} outstanding`],
    ] as const) {
      await measureCase(bench, topics.name, `${count} topics, ${how}`, async () => {
        const waits: Outcome[] = [];
        const storms = await repeat(bench, (keep) => subscribe(bench, count, outstanding, waits, keep));
        return [...figuresOf(storms, 'topic', count), ...waitFigures(storms, waits)];
      });
    }
  },
};

export const sessions: Scenario = {
  name: 'sessions',
  about: `Sessions that connect and join on node A, 64 at a time. ${others}`,
  run: async (bench) => {
    const count = bench.settings.stormSessions;
    const job: IdleJob = { kind: 'idle', serializer: 'json', connections: count };
    await measureCase(bench, sessions.name, `${count} sessions`, async () => {
      const { pair } = await bench.clusters.shared();
      const storms = await repeat(bench, (keep) =>
        Promise.resolve(async () => keep(await bench.pool.open(pair[0].endpoint, [job]))),
      );
      return figuresOf(storms, 'session', count);
    });
  },
};

type Act = () => Promise<void>;
type Keep = (load: OpenLoad) => void;

/** `prepare` does what is no part of the storm; the loads that it or the storm opens are kept until it is over. */
async function repeat(bench: Bench, prepare: (keep: Keep) => Promise<Act>): Promise<Storm[]> {
  const cluster = await bench.clusters.shared();
  const storms: Storm[] = [];
  for (let run = 0; run < bench.settings.memoryRuns; run += 1) {
    const loads: OpenLoad[] = [];
    try {
      const act = await prepare((load) => loads.push(load));
      storms.push(await stormIn(bench, cluster, act));
    } finally {
      for (const load of loads) await load.close();
    }
    await calm(cluster);
  }
  return storms;
}

async function subscribe(bench: Bench, count: number, outstanding: number, waits: Outcome[], keep: Keep): Promise<Act> {
  const { pair } = await bench.clusters.shared();
  const job: SubscriptionsJob = {
    kind: 'subscriptions',
    serializer: 'json',
    sessions: subscribingSessions,
    subscriptionsPerSession: Math.ceil(count / subscribingSessions),
    match: 'exact',
    prefix: 'com.bench.storm',
    outstanding,
  };
  const load = await bench.pool.open(pair[0].endpoint, [job]);
  keep(load);
  return async () => {
    const outcome = await load.run(closedLoop(bench.settings, 1));
    if (outcome !== null) waits.push(outcome);
  };
}

function figuresOf(storms: readonly Storm[], unit: string, count: number): Figure[] {
  const each = (label: string, of: string, value: (storm: Storm) => number): Figure =>
    figure(label, of, storms.map(value));
  const worst = (delays: Storm['delays']): number => Math.max(...delays.map(({ p99Us }) => p99Us));
  return [
    figure(
      'time',
      's',
      storms.map(({ seconds }) => seconds),
      atMost(secondsAtMost),
    ),
    figure(
      'others delayed, p99',
      'µs',
      storms.map(({ delays }) => worst(delays)),
      atMost(delayAtMostUs),
    ),
    each('the same before', 'µs', ({ quietDelays }) => worst(quietDelays)),
    each('the most', 'µs', ({ delays }) => Math.max(...delays.map(({ maxUs }) => maxUs))),
    each(`Redis commands/${unit}`, '', ({ commands }) => commands / count),
    ...['node A', 'node B', 'Redis'].map((label, index) =>
      each(`${label}/${unit}`, 'µs', ({ cpu }) => (cpu[index]! / count) * 1e6),
    ),
  ];
}

function waitFigures(storms: readonly Storm[], waits: readonly Outcome[]): Figure[] {
  return [
    figure(
      'barrier p99',
      'µs',
      storms.map(({ barrierP99Us }) => barrierP99Us),
    ),
    figure(
      'SUBSCRIBED after, p99',
      'µs',
      waits.map(({ latency }) => latency?.p99Us ?? NaN),
    ),
  ];
}
