import type { Bench } from '../../bench.js';
import type { Cluster } from '../../cluster/cluster.js';
import { inTurn } from '../../cluster/measure.js';
import { microsEach, spentOn, type Spent } from '../../cluster/spent.js';
import { calm } from '../../cluster/storm.js';
import type { IdleJob } from '../../load/job.js';
import { Session } from '../../load/session.js';
import { figure, type Figure } from '../../report/figures.js';
import { until } from './until.js';

interface Run {
  readonly alone: Spent;
  readonly watched: Spent;
}

export async function measureJoins(bench: Bench, cluster: Cluster): Promise<Figure[]> {
  const count = bench.settings.stormSessions;
  const runs = await inTurn(bench, async (): Promise<Run> => {
    const alone = await join(bench, cluster, count);
    await calm(cluster);
    const watched = await watching(cluster, count, () => join(bench, cluster, count));
    await calm(cluster);
    return { alone, watched };
  });
  const all = (label: string, unit: string, of: (run: Run) => number): Figure => figure(label, unit, runs.map(of));
  return [
    all(
      'CPU watched, of unwatched',
      '×',
      ({ alone, watched }) => microsEach(watched, count) / microsEach(alone, count),
    ),
    all('unwatched joins/s', '/s', ({ alone }) => count / alone.seconds),
    all('watched joins/s', '/s', ({ watched }) => count / watched.seconds),
    all('unwatched CPU/join', 'µs', ({ alone }) => microsEach(alone, count)),
    all('watched CPU/join', 'µs', ({ watched }) => microsEach(watched, count)),
    all('watched, node A/join', 'µs', ({ watched }) => (watched.nodeA * 1e6) / count),
    all('watched, node B/join', 'µs', ({ watched }) => (watched.nodeB * 1e6) / count),
    all('watched, Redis/join', 'µs', ({ watched }) => (watched.redis * 1e6) / count),
  ];
}

async function join(bench: Bench, cluster: Cluster, count: number): Promise<Spent> {
  const job: IdleJob = { kind: 'idle', serializer: 'json', connections: count };
  let close = (): Promise<void> => Promise.resolve();
  try {
    return await spentOn(cluster, async () => {
      const load = await bench.pool.open(cluster.pair[0].endpoint, [job]);
      close = () => load.close();
    });
  } finally {
    await close();
  }
}

/** A session on node B receives an event for each session that joins, while `act` runs. */
async function watching(cluster: Cluster, count: number, act: () => Promise<Spent>): Promise<Spent> {
  const watcher = await Session.join(cluster.pair[1].endpoint, 'json');
  let received = 0;
  watcher.onEvent = () => {
    received += 1;
  };
  await watcher.subscribe('wamp.session.on_join');
  try {
    const spent = await act();
    await until(
      () => received >= count,
      () => `${received} of ${count} joins were published`,
    );
    if (received > count) throw new Error(`${received} events for ${count} joins`);
    return spent;
  } finally {
    await watcher.leave();
  }
}
