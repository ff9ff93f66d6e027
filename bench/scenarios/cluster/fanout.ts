import { closedLoop, measureCase, type Bench, type Scenario } from '../../bench.js';
import type { Cluster } from '../../cluster/cluster.js';
import { inTurn, runIn, runPipe, sum, type Measured } from '../../cluster/measure.js';
import type { PipeCost } from '../../cluster/pipe.js';
import type { Endpoint } from '../../load/endpoint.js';
import type { FanoutJob } from '../../load/job.js';
import { atMost, figure, type Figure } from '../../report/figures.js';
import { topic } from '../fanout.js';

const timesPipe = 2;

// Publications outstanding make the size of the batches.
const shapes = [
  { subscribers: 1, window: 1 },
  { subscribers: 1, window: 32 },
  { subscribers: 1, window: 1_024 },
  { subscribers: 100, window: 1 },
  { subscribers: 100, window: 128 },
];

export const fanout: Scenario = {
  name: 'fanout',
  about:
    'Publisher on node A, subscribers on node B, all CPU time for each publication. Lane: A and B together, less what A ' +
    'takes when the subscribers are there too. In turn with it that, and the pipe: a process that packs as many ' +
    'events of as many bytes into its messages and sends as many a second, Redis, a process that unpacks them.',
  run: async (bench) => {
    const cluster = await bench.clusters.shared();
    const chosen = bench.settings.mode === 'smoke' ? shapes.slice(2, 3) : shapes;
    for (const payloadBytes of bench.settings.payloads) {
      for (const { subscribers, window } of chosen) {
        await measureCase(bench, fanout.name, `1→${subscribers}, ${payloadBytes} B, ${window} outstanding`, () =>
          measure(bench, cluster, subscribers, payloadBytes, window),
        );
      }
    }
  },
};

interface Run {
  readonly apart: Measured;
  readonly together: Measured;
  readonly pipe: PipeCost;
}

async function measure(
  bench: Bench,
  cluster: Cluster,
  subscribers: number,
  payloadBytes: number,
  window: number,
): Promise<Figure[]> {
  const [a, b] = cluster.pair;
  const plan = closedLoop(bench.settings, window);
  const runs = await inTurn(bench, async (): Promise<Run> => {
    const apart = await runIn(bench, cluster, a, [jobFor(subscribers, payloadBytes, b.endpoint)], plan, subscribers);
    const together = await runIn(bench, cluster, a, [jobFor(subscribers, payloadBytes, a.endpoint)], plan, subscribers);
    return { apart, together, pipe: await runPipe(bench, cluster, apart) };
  });
  return figuresOf(runs);
}

function jobFor(subscribers: number, payloadBytes: number, audience: Endpoint): FanoutJob {
  return {
    kind: 'fanout',
    publisher: 'json',
    subscribers: new Array<'json'>(subscribers).fill('json'),
    remoteSubscribers: [],
    audience,
    topic,
    payloadBytes,
  };
}

function figuresOf(runs: readonly Run[]): Figure[] {
  const micros = (label: string, of: (run: Run) => number): Figure => figure(label, 'µs', runs.map(of));
  return [
    figure(
      'Redis, of the pipe',
      '×',
      runs.map(({ apart, pipe }) => apart.redis / pipe.redis),
      atMost(timesPipe),
    ),
    figure(
      'lane, of the pipe',
      '×',
      runs.map((run) => laneOf(run) / (run.pipe.publisher + run.pipe.subscriber)),
      atMost(timesPipe),
    ),
    figure(
      'both, of the pipe',
      '×',
      runs.map((run) => (laneOf(run) + run.apart.redis) / (run.pipe.publisher + run.pipe.subscriber + run.pipe.redis)),
    ),
    figure(
      'batch',
      'events',
      runs.map(({ apart: { traffic } }) => traffic.total.items / traffic.total.batches),
    ),
    figure(
      'lane bytes/event',
      'B',
      runs.map(({ apart: { traffic } }) => traffic.total.bytes / traffic.total.items),
    ),
    micros('node A', ({ apart }) => apart.nodes[0]!),
    micros('node B', ({ apart }) => apart.nodes[1]!),
    micros('Redis', ({ apart }) => apart.redis),
    micros('one node', ({ together }) => sum(together.nodes)),
    micros('lane', laneOf),
    micros('pipe publisher', ({ pipe }) => pipe.publisher),
    micros('pipe subscriber', ({ pipe }) => pipe.subscriber),
    micros('pipe Redis', ({ pipe }) => pipe.redis),
    micros('p50', ({ apart }) => apart.latency.p50Us),
    micros('p50, one node', ({ together }) => together.latency.p50Us),
    figure(
      'publications/s',
      '/s',
      runs.map(({ apart }) => apart.count / apart.outcome.seconds),
    ),
  ];
}

/** The CPU time of the lane: the regular work of both nodes is in both figures. */
function laneOf({ apart, together }: Run): number {
  return sum(apart.nodes) - sum(together.nodes);
}
