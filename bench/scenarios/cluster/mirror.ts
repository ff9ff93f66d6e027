import { closedLoop, measureCase, type Bench, type Scenario } from '../../bench.js';
import type { Cluster } from '../../cluster/cluster.js';
import { sample } from '../../cluster/metrics-page.js';
import { calm } from '../../cluster/storm.js';
import type { SubscriptionsJob } from '../../load/job.js';
import { atMost, figure, type Figure } from '../../report/figures.js';
import type { Memory } from '../../routers/router.js';

const bytesEach = 250;
const holders = 20;

type Match = SubscriptionsJob['match'];

export const mirror: Scenario = {
  name: 'mirror',
  about:
    'Memory of node B for each topic (or half prefix, half wildcard patterns) that only sessions of A have subscribed to, ' +
    'after a full collection, over a node started afresh that had seen a twentieth of it come and go.',
  run: async (bench) => {
    const count = bench.settings.subscriptions;
    for (const [match, name] of [
      ['exact', `${count} topics`],
      ['pattern', `${count} patterns`],
    ] as const) {
      await measureCase(bench, mirror.name, name, () => measure(bench, match, count));
    }
  },
};

async function measure(bench: Bench, match: Match, count: number): Promise<Figure[]> {
  const grown: Memory[] = [];
  for (let run = 0; run < bench.settings.memoryRuns; run += 1) {
    grown.push(await bench.clusters.withFresh(true, (cluster) => growth(bench, cluster, match, count)));
  }
  const target = match === 'exact' ? atMost(bytesEach) : null;
  return [
    figure(
      'RSS of B, each',
      'B',
      grown.map(({ residentBytes }) => residentBytes),
      target,
    ),
    figure(
      'heap of B, each',
      'B',
      grown.map(({ heapBytes }) => heapBytes ?? NaN),
      target,
    ),
  ];
}

async function growth(bench: Bench, cluster: Cluster, match: Match, count: number): Promise<Memory> {
  const [, b] = cluster.pair;
  await hold(bench, cluster, jobFor('com.bench.before', match, count / 20), () => Promise.resolve());
  await calm(cluster);
  const before = await b.running.memory();
  const job = jobFor('com.bench.mirror', match, count);
  return hold(bench, cluster, job, async () => {
    const after = await b.running.memory();
    const held = sample(await b.page(), 'gantry_cluster_mirror_topics');
    if (held !== job.sessions * job.subscriptionsPerSession) throw new Error(`B knows of ${held} topics of ${count}`);
    return {
      residentBytes: (after.residentBytes - before.residentBytes) / held,
      heapBytes: ((after.heapBytes ?? NaN) - (before.heapBytes ?? NaN)) / held,
    };
  });
}

async function hold<T>(bench: Bench, cluster: Cluster, job: SubscriptionsJob, work: () => Promise<T>): Promise<T> {
  const load = await bench.pool.open(cluster.pair[0].endpoint, [job]);
  try {
    await load.run(closedLoop(bench.settings, 1));
    return await work();
  } finally {
    await load.close();
  }
}

function jobFor(prefix: string, match: Match, count: number): SubscriptionsJob {
  return {
    kind: 'subscriptions',
    serializer: 'json',
    sessions: holders,
    subscriptionsPerSession: Math.ceil(count / holders),
    match,
    prefix,
    outstanding: 1_024,
  };
}
