import {
  closedLoop,
  measureCase,
  runOnce,
  subjectOf,
  withRouters,
  type Bench,
  type Scenario,
  type Started,
} from '../../bench.js';
import type { Cluster } from '../../cluster/cluster.js';
import { idleTraffic, inTurn, runIn, type Measured } from '../../cluster/measure.js';
import type { FanoutJob } from '../../load/job.js';
import { atMost, figure, type Figure } from '../../report/figures.js';
import { topic, windowFor } from '../fanout.js';

const slowerAtMost = 1.05;
/** Differences of a few per cent need more runs than others. */
const times = 3;

export const local: Scenario = {
  name: 'local',
  about:
    'Publisher and subscribers on node A of two, nobody elsewhere; in turn with a node on the in-process backplane. ' +
    'Lane messages: batches with items, without heartbeats. Other commands: probes, leases and whatever else a node ' +
    'sends; they are counted with nobody publishing, too.',
  run: async (bench) => {
    const cluster = await bench.clusters.shared();
    await withRouters([subjectOf(bench)], false, async ([alone]) => {
      for (const subscribers of bench.settings.mode === 'smoke' ? [1] : [1, 100]) {
        await measureCase(bench, local.name, `1→${subscribers}, 32 B`, () =>
          measure(bench, cluster, alone!, subscribers),
        );
      }
    });
  },
};

interface Run {
  readonly joined: Measured;
  readonly aloneUs: number;
  readonly idlePerSecond: number;
}

async function measure(bench: Bench, cluster: Cluster, alone: Started, subscribers: number): Promise<Figure[]> {
  const [a] = cluster.pair;
  const plan = closedLoop(bench.settings, windowFor(subscribers));
  const job: FanoutJob = {
    kind: 'fanout',
    publisher: 'json',
    subscribers: new Array<'json'>(subscribers).fill('json'),
    remoteSubscribers: [],
    topic,
    payloadBytes: 32,
  };
  const runs = await inTurn(
    bench,
    async (): Promise<Run> => {
      const joined = await runIn(bench, cluster, a, [job], plan, subscribers);
      // Meanwhile the sessions of that run leave.
      const { messages, cpuSeconds } = await runOnce(bench, alone, [job], plan);
      const idle = await idleTraffic(cluster, plan.warmupMs + plan.measureMs);
      return {
        joined,
        aloneUs: ((cpuSeconds ?? NaN) / (messages / subscribers)) * 1e6,
        idlePerSecond: idle.otherCommands / idle.seconds,
      };
    },
    times,
  );
  return figuresOf(runs);
}

function figuresOf(runs: readonly Run[]): Figure[] {
  const all = (label: string, unit: string, of: (run: Run) => number): Figure => figure(label, unit, runs.map(of));
  return [
    figure(
      'CPU, of in-process',
      '×',
      runs.map(({ joined, aloneUs }) => joined.nodes[0]! / aloneUs),
      atMost(slowerAtMost),
    ),
    figure(
      'lane messages',
      '',
      runs.map(({ joined: { traffic } }) => traffic.total.batches),
      atMost(0),
    ),
    all('other Redis commands/s', '/s', ({ joined: { traffic } }) => traffic.otherCommands / traffic.seconds),
    all('the same, idle', '/s', ({ idlePerSecond }) => idlePerSecond),
    all('in-process', 'µs', ({ aloneUs }) => aloneUs),
    all('node A', 'µs', ({ joined }) => joined.nodes[0]!),
    all('publications', '', ({ joined }) => joined.outcome.sent),
  ];
}
