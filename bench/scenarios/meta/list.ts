import type { Bench } from '../../bench.js';
import type { Cluster } from '../../cluster/cluster.js';
import { inTurn } from '../../cluster/measure.js';
import { microsEach, spentOn, type Spent } from '../../cluster/spent.js';
import { calm } from '../../cluster/storm.js';
import type { IdleJob } from '../../load/job.js';
import type { OpenLoad } from '../../load-pool.js';
import { Session } from '../../load/session.js';
import { figure, type Figure } from '../../report/figures.js';

interface Run {
  readonly list: Spent;
  readonly count: Spent;
  /** The longest answer that another session of the same node waited for meanwhile. */
  readonly longestMs: number;
}

/** Half of the sessions are on each node. */
export async function measureList(bench: Bench, cluster: Cluster, listedSessions: number): Promise<Figure[]> {
  const job: IdleJob = { kind: 'idle', serializer: 'json', connections: listedSessions / 2 };
  const loads: OpenLoad[] = [];
  const [caller, other] = [await joinA(cluster), await joinA(cluster)];
  try {
    for (const { endpoint } of cluster.pair) loads.push(await bench.pool.open(endpoint, [job]));
    const runs = await inTurn(bench, () => list(cluster, caller, other, listedSessions + 2));
    const all = (label: string, unit: string, of: (run: Run) => number): Figure => figure(label, unit, runs.map(of));
    return [
      all('list', 'ms', ({ list: { seconds } }) => seconds * 1e3),
      all('longest wait of another session', 'ms', ({ longestMs }) => longestMs),
      all('list, CPU/session', 'µs', (run) => microsEach(run.list, listedSessions)),
      all('list, node A', 'ms', (run) => run.list.nodeA * 1e3),
      all('list, Redis', 'ms', (run) => run.list.redis * 1e3),
      all('count', 'ms', (run) => run.count.seconds * 1e3),
    ];
  } finally {
    for (const load of loads) await load.close();
    for (const session of [caller, other]) await session.leave();
    await calm(cluster);
  }
}

function joinA(cluster: Cluster): Promise<Session> {
  return Session.join(cluster.pair[0].endpoint, 'json');
}

async function list(cluster: Cluster, caller: Session, other: Session, expected: number): Promise<Run> {
  let isOver = false;
  const asking = longestAnswer(other, () => isOver);
  const listed = await spentOn(cluster, async () => {
    const ids = (await caller.call('wamp.session.list')) as readonly number[];
    if (ids.length !== expected) throw new Error(`${ids.length} of ${expected} sessions are in the list`);
  });
  isOver = true;
  const longestMs = await asking;
  const counted = await spentOn(cluster, async () => {
    const count = await caller.call('wamp.session.count');
    if (count !== expected) throw new Error(`${String(count)} of ${expected} sessions are counted`);
  });
  return { list: listed, count: counted, longestMs };
}

/** Calls again and again what the node answers from its memory. */
async function longestAnswer(session: Session, isOver: () => boolean): Promise<number> {
  let longestMs = 0;
  while (!isOver()) {
    const askedMs = performance.now();
    await session.call('wamp.registration.match', ['com.bench.none']);
    longestMs = Math.max(longestMs, performance.now() - askedMs);
  }
  return longestMs;
}
