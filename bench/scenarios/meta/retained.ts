import { closedLoop, type Bench } from '../../bench.js';
import type { Cluster } from '../../cluster/cluster.js';
import { inTurn } from '../../cluster/measure.js';
import { microsEach, spentOn, type Spent } from '../../cluster/spent.js';
import { calm } from '../../cluster/storm.js';
import type { Outcome, SubscriptionsJob } from '../../load/job.js';
import { inParallel, Session } from '../../load/session.js';
import { subscribedTopic } from '../../load/held-sessions.js';
import { figure, type Figure } from '../../report/figures.js';
import { retainedPrefix } from './topics.js';

const sessions = 10;
const outstanding = 256;

interface Subscribed {
  readonly spent: Spent;
  readonly outcome: Outcome;
}

export async function measureRetained(bench: Bench, cluster: Cluster): Promise<Figure[]> {
  const { retainedTopics } = bench.settings;
  const publisher = await Session.join(cluster.pair[1].endpoint, 'json');
  await inParallel(retainedTopics, outstanding, async (index) => {
    await publisher.publish(subscribedTopic(retainedPrefix, index), { acknowledge: true, retain: true }, [index]);
  });
  await publisher.leave();
  const runs = await inTurn(bench, async () => ({
    without: await subscribe(bench, cluster, false),
    retained: await subscribe(bench, cluster, true),
  }));
  type Run = (typeof runs)[number];
  const all = (label: string, unit: string, of: (run: Run) => number): Figure => figure(label, unit, runs.map(of));
  const each = ({ spent }: Subscribed): number => microsEach(spent, retainedTopics);
  const both = (label: string, unit: string, of: (subscribed: Subscribed) => number): Figure[] => [
    all(`without get_retained, ${label}`, unit, ({ without }) => of(without)),
    all(`with get_retained, ${label}`, unit, ({ retained }) => of(retained)),
  ];
  return [
    all('CPU, of that without get_retained', '×', ({ without, retained }) => each(retained) / each(without)),
    ...both('time', 's', ({ spent }) => spent.seconds),
    ...both('CPU/topic', 'µs', each),
    ...both('Redis/topic', 'µs', ({ spent }) => (spent.redis * 1e6) / retainedTopics),
    ...both('SUBSCRIBED after, p50', 'µs', ({ outcome }) => outcome.latency?.p50Us ?? NaN),
    ...both('SUBSCRIBED after, p99', 'µs', ({ outcome }) => outcome.latency?.p99Us ?? NaN),
  ];
}

async function subscribe(bench: Bench, cluster: Cluster, getsRetained: boolean): Promise<Subscribed> {
  const job: SubscriptionsJob = {
    kind: 'subscriptions',
    serializer: 'json',
    sessions,
    subscriptionsPerSession: bench.settings.retainedTopics / sessions,
    match: 'exact',
    prefix: retainedPrefix,
    outstanding,
    getsRetained,
  };
  const load = await bench.pool.open(cluster.pair[0].endpoint, [job]);
  try {
    const outcomes: Outcome[] = [];
    const spent = await spentOn(cluster, async () => {
      const outcome = await load.run(closedLoop(bench.settings, 1));
      if (outcome !== null) outcomes.push(outcome);
    });
    return { spent, outcome: outcomes[0]! };
  } finally {
    await load.close();
    await calm(cluster);
  }
}
