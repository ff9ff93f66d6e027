import { closedLoop, type Bench } from '../../bench.js';
import type { Cluster } from '../../cluster/cluster.js';
import { inTurn, runIn, type Measured } from '../../cluster/measure.js';
import { microsEach, spentOn, type Spent } from '../../cluster/spent.js';
import type { AcknowledgedJob, Latency } from '../../load/job.js';
import { inParallel, Session } from '../../load/session.js';
import { Histogram } from '../../measure/histogram.js';
import { figure, type Figure } from '../../report/figures.js';
import { recordedTopic } from './topics.js';

const payloadBytes = 32;
/** Publications that wait for their acknowledgement. */
const window = 32;
const unrecordedTopic = 'com.bench.unrecorded';
const answerLimit = 1_000;
const publishWidth = 256;
/** Questions of one run. */
const questions = 20;

/** Node A publishes; nobody has subscribed. */
export async function measureRecorded(bench: Bench, cluster: Cluster): Promise<Figure[]> {
  const plan = closedLoop(bench.settings, window);
  const publish = (topic: string): Promise<Measured> => {
    const job: AcknowledgedJob = { kind: 'acknowledged', topic, payloadBytes };
    return runIn(bench, cluster, cluster.pair[0], [job], plan);
  };
  const runs = await inTurn(bench, async () => ({
    without: await publish(unrecordedTopic),
    recorded: await publish(recordedTopic),
  }));
  type Run = (typeof runs)[number];
  const all = (label: string, unit: string, of: (run: Run) => number): Figure => figure(label, unit, runs.map(of));
  const both = (label: string, unit: string, of: (measured: Measured) => number): Figure[] => [
    all(`without history, ${label}`, unit, ({ without }) => of(without)),
    all(`with history, ${label}`, unit, ({ recorded }) => of(recorded)),
  ];
  return [
    all('node A, of that without history', '×', ({ without, recorded }) => recorded.nodes[0]! / without.nodes[0]!),
    ...both('node A', 'µs', ({ nodes }) => nodes[0]!),
    ...both('Redis', 'µs', ({ redis }) => redis),
    ...both('p50', 'µs', ({ latency }) => latency.p50Us),
    ...both('p99', 'µs', ({ latency }) => latency.p99Us),
    ...both('publications/s', '/s', ({ count, outcome }) => count / outcome.seconds),
  ];
}

interface Filter {
  readonly limit: number;
  readonly reverse?: boolean;
}

interface Asked {
  readonly spent: Spent;
  readonly latency: Latency;
}

/** The newest and the oldest events in turn. */
export async function measureHistory(bench: Bench, cluster: Cluster): Promise<Figure[]> {
  const { storedEvents } = bench.settings;
  const limit = Math.min(answerLimit, storedEvents);
  const session = await Session.join(cluster.pair[0].endpoint, 'json');
  try {
    await inParallel(storedEvents, publishWidth, async (index) => {
      await session.publish(recordedTopic, { acknowledge: true }, [String(index).padStart(payloadBytes, '0')]);
    });
    const id = await session.subscribe(recordedTopic);
    const runs = await inTurn(bench, async () => ({
      newest: await ask(cluster, session, id, { limit, reverse: true }),
      oldest: await ask(cluster, session, id, { limit }),
    }));
    const figures = (name: 'newest' | 'oldest'): Figure[] => {
      const all = (label: string, unit: string, of: (asked: Asked) => number): Figure =>
        figure(
          `${limit} ${name}, ${label}`,
          unit,
          runs.map((run) => of(run[name])),
        );
      return [
        all('p50', 'µs', ({ latency }) => latency.p50Us),
        all('p99', 'µs', ({ latency }) => latency.p99Us),
        all('node A', 'µs', ({ spent }) => (spent.nodeA * 1e6) / questions),
        all('Redis', 'µs', ({ spent }) => (spent.redis * 1e6) / questions),
        all('CPU/event', 'µs', ({ spent }) => microsEach(spent, questions * limit)),
      ];
    };
    return [...figures('newest'), ...figures('oldest')];
  } finally {
    await session.leave();
  }
}

async function ask(cluster: Cluster, session: Session, id: number, filter: Filter): Promise<Asked> {
  const histogram = new Histogram();
  const spent = await spentOn(cluster, async () => {
    for (let question = 0; question < questions; question += 1) {
      const askedMs = performance.now();
      const events = await session.callAll('wamp.subscription.get_events', [id], filter);
      histogram.record(performance.now() - askedMs);
      if (events.length !== filter.limit) throw new Error(`${events.length} of ${filter.limit} events came`);
    }
  });
  return { spent, latency: histogram.summary()! };
}
