import { closedLoop, measureCase, type Bench, type Scenario } from '../../bench.js';
import type { Cluster } from '../../cluster/cluster.js';
import { idleTraffic, inTurn, runIn, sum, type Measured, type Traffic } from '../../cluster/measure.js';
import type { FanoutJob } from '../../load/job.js';
import { atMost, figure, medianOf, type Figure } from '../../report/figures.js';
import { topic } from '../fanout.js';

// Each batch has one item, so their number does not vary.
const window = 1;
const growth = 1.05;

export const nodes: Scenario = {
  name: 'nodes',
  about:
    'Publisher on node A, a subscriber each on A and B, the other nodes have none; one publication outstanding, so that ' +
    'each makes a batch of its own. Heartbeats are left out; other PUBLISHes are those that no lane accounts for: probes. ' +
    'CPU time for each publication, with all that a node does every second.',
  run: async (bench) => {
    const cluster = await bench.clusters.shared();
    let least: number | null = null;
    for (const count of bench.settings.nodeCounts) {
      await measureCase(bench, nodes.name, `${count} nodes`, async () => {
        await cluster.grow(count);
        const runs = await measure(bench, cluster);
        const perEvent = medianOf(runs.map(messagesPerEvent));
        least ??= perEvent;
        return figuresOf(runs, perEvent / least);
      });
    }
  },
};

interface Run {
  readonly loaded: Measured;
  readonly idle: Traffic;
}

function measure(bench: Bench, cluster: Cluster): Promise<Run[]> {
  const [a, b] = cluster.pair;
  const shared = { kind: 'fanout', topic, payloadBytes: 32, subscribers: ['json'] } as const;
  const jobs: FanoutJob[] = [
    { ...shared, publisher: 'json', remoteSubscribers: [1], audience: b.endpoint },
    { ...shared, publisher: null, remoteSubscribers: [] },
  ];
  const plan = closedLoop(bench.settings, window);
  return inTurn(bench, async () => {
    const idle = await idleTraffic(cluster, plan.warmupMs + plan.measureMs);
    return { idle, loaded: await runIn(bench, cluster, a, jobs, plan, 2) };
  });
}

function messagesPerEvent({ loaded: { traffic, outcome } }: Run): number {
  return traffic.total.batches / outcome.sent;
}

function figuresOf(runs: readonly Run[], grown: number): Figure[] {
  const all = (label: string, unit: string, of: (run: Measured, idle: Traffic) => number): Figure =>
    figure(
      label,
      unit,
      runs.map(({ loaded, idle }) => of(loaded, idle)),
    );
  const others = runs[0]!.loaded.nodes.length - 2;
  return [
    figure('Redis messages/event', '', runs.map(messagesPerEvent)),
    figure('of the fewest nodes', '×', [grown], atMost(growth)),
    figure(
      'lane messages/event',
      '',
      runs.map(({ loaded: { traffic, outcome } }) => traffic.total.items / outcome.sent),
      atMost(1),
    ),
    figure(
      'received by uninvolved nodes',
      '',
      runs.map(({ loaded: { traffic } }) => sum(traffic.lanes.slice(2).map(({ itemsReceived }) => itemsReceived))),
      atMost(0),
    ),
    all('node A', 'µs', (run) => run.nodes[0]!),
    all('node B', 'µs', (run) => run.nodes[1]!),
    all('Redis', 'µs', (run) => run.redis),
    ...(others === 0 ? [] : [all('each other node', 'µs', (run) => sum(run.nodes.slice(2)) / others)]),
    all('other PUBLISHes/s', '/s', ({ traffic }) => traffic.otherPublishes / traffic.seconds),
    all('the same, idle', '/s', (_, idle) => idle.otherPublishes / idle.seconds),
    all('heartbeats/s', '/s', (_, idle) => idle.total.heartbeats / idle.seconds),
    all('events/s', '/s', ({ count, outcome }) => count / outcome.seconds),
  ];
}
