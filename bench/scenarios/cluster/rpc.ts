import { closedLoop, measureCase, type Bench, type Scenario } from '../../bench.js';
import type { Cluster } from '../../cluster/cluster.js';
import { inTurn, runIn, runPipe, sum, type Measured } from '../../cluster/measure.js';
import type { PipeCost } from '../../cluster/pipe.js';
import type { Endpoint } from '../../load/endpoint.js';
import type { RpcJob } from '../../load/job.js';
import { atMost, figure, type Figure, type Target } from '../../report/figures.js';

const itemsPerCall = 2;
const addedUs = 1_000;
const pings = 200;
const smokePings = 10;

export const rpc: Scenario = {
  name: 'rpc',
  about:
    'Caller on node A, callee on node B, 32 B each way, in turn with both on A. Round trip: PING of a process on the same ' +
    'core, one after the other, before and after each run. Pipe: two events of the pipe, in batches of the same size.',
  run: async (bench) => {
    const cluster = await bench.clusters.shared();
    for (const outstanding of [1, 256]) {
      await measureCase(bench, rpc.name, `1×1, ${outstanding} outstanding`, () => measure(bench, cluster, outstanding));
    }
  },
};

interface Run {
  readonly apart: Measured;
  readonly together: Measured;
  readonly roundTripUs: number;
  readonly pipe: PipeCost;
}

async function measure(bench: Bench, cluster: Cluster, outstanding: number): Promise<Figure[]> {
  const [a, b] = cluster.pair;
  const pipe = await cluster.pipe;
  const plan = closedLoop(bench.settings, outstanding);
  const ping = async (): Promise<number> =>
    (await pipe.ping(bench.settings.mode === 'smoke' ? smokePings : pings)).p50Us;
  const runs = await inTurn(bench, async (): Promise<Run> => {
    const before = await ping();
    const apart = await runIn(bench, cluster, a, [jobWith(b.endpoint)], plan);
    const after = await ping();
    const together = await runIn(bench, cluster, a, [jobWith(a.endpoint)], plan);
    return { apart, together, roundTripUs: (before + after) / 2, pipe: await runPipe(bench, cluster, apart) };
  });
  return figuresOf(runs, outstanding === 1 ? atMost(addedUs) : null);
}

function jobWith(calleesAt: Endpoint): RpcJob {
  return { kind: 'rpc', serializer: 'json', callers: 1, callees: 1, calleesAt, payloadBytes: 32 };
}

function figuresOf(runs: readonly Run[], added: Target | null): Figure[] {
  const micros = (label: string, of: (run: Run) => number, target: Target | null = null): Figure =>
    figure(label, 'µs', runs.map(of), target);
  return [
    figure(
      'lane messages/call',
      '',
      runs.map(({ apart: { traffic, outcome } }) => traffic.total.callItems / outcome.sent),
      atMost(itemsPerCall),
    ),
    figure(
      'Redis messages/call',
      '',
      runs.map(({ apart: { traffic, outcome } }) => traffic.total.batches / outcome.sent),
    ),
    micros(
      'added p50 less 2 round trips',
      ({ apart, together, roundTripUs }) => apart.latency.p50Us - together.latency.p50Us - 2 * roundTripUs,
      added,
    ),
    micros('p50', ({ apart }) => apart.latency.p50Us),
    micros('p50, one node', ({ together }) => together.latency.p50Us),
    micros('round trip', ({ roundTripUs }) => roundTripUs),
    micros('p99', ({ apart }) => apart.latency.p99Us),
    micros('node A', ({ apart }) => apart.nodes[0]!),
    micros('node B', ({ apart }) => apart.nodes[1]!),
    micros('Redis', ({ apart }) => apart.redis),
    micros('one node', ({ together }) => sum(together.nodes)),
    micros('lanes', ({ apart, together }) => sum(apart.nodes) - sum(together.nodes)),
    micros('pipe', ({ pipe }) => 2 * (pipe.publisher + pipe.subscriber)),
    micros('pipe Redis', ({ pipe }) => 2 * pipe.redis),
    figure(
      'calls/s',
      '/s',
      runs.map(({ apart }) => apart.count / apart.outcome.seconds),
    ),
  ];
}
