import { closedLoop, measureCase, type Bench, type Scenario } from '../bench.js';
import { LoadPool } from '../load-pool.js';
import { figure, type Figure } from '../report/figures.js';
import type { Settings } from '../settings.js';
import { fanoutJobs, topic, windowFor } from './fanout.js';
import { coresOf, withArms, type Arm, type Arms, type Cores } from './processes/arms.js';
import { alternate, type Crossing, type Load, type Run } from './processes/measure.js';
import { crossingUs, onPaper, type OnPaper } from './processes/paper.js';

const payloadBytes = 32;
/** With more receivers each event costs the same. */
const mostReceivers = 100;
const spreadSessions = 2_000;
/** Processes of a machine that is only computed. */
const manyProcesses = 16;

export const processes: Scenario = {
  name: 'processes',
  about:
    'One node without a backplane, one process over Redis (`--processes 1` has no parent, and is the same as one node), ' +
    '`--processes 2` over Redis, and the same over the Unix socket of Redis, in turn. CPU time is that of all processes ' +
    'of Gantry together, the parent included. Its cores are not those of the head: with four or more Gantry has two, ' +
    'Redis one and the load the others; with fewer all share them, and rates are left out. Crossing: what goes from one process to the other. Its cost is ' +
    'all that two processes take more than one, for each publication or call that crosses. Together, apart: both ' +
    'sessions in one process, or each in one; otherwise the sessions are where the system has put them. ' +
    'On paper: one process and the crossings of 16, at the cost and with the batches of two; Redis is one of 16 cores.',
  run: async (bench) => {
    if (bench.against === 'peers' || bench.against === 'nothing') return;
    const cores = coresOf();
    const pool = new LoadPool(cores.load);
    try {
      await bench.clusters.withRedis({ cores: cores.redis }, (redis) =>
        withArms(cores, redis, (arms) => measureAll(bench, pool, arms, cores)),
      );
    } finally {
      pool.stop();
    }
  },
};

async function measureAll(bench: Bench, pool: LoadPool, arms: Arms, cores: Cores): Promise<void> {
  await measureCase(bench, processes.name, `spread of ${spreadOf(bench)} sessions`, () =>
    measureSpread(bench, pool, arms.two),
  );
  for (const load of loadsOf(bench)) {
    await measureCase(bench, processes.name, load.name, async () => {
      const runs = await alternate(bench, pool, arms, load);
      return [...figuresOf(runs), ...paperOf(runs, load), ...(cores.isLoadOutside ? ratesOf(runs) : [])];
    });
  }
}

function loadsOf({ settings }: Bench): readonly Load[] {
  const fanouts = settings.fanouts.filter((count) => count <= mostReceivers);
  const events = fanouts.flatMap((count) => {
    const load: Load = {
      name: `1→${count}`,
      unit: 'event',
      jobs: fanoutJobs(settings, 'json', new Array<'json'>(count).fill('json'), payloadBytes, topic),
      plan: closedLoop(settings, windowFor(count)),
      receivers: count,
    };
    return count === 1 ? bothWays(load) : [load];
  });
  return [...events, ...bothWays(calls(settings, 1, 1, 256)), calls(settings, 64, 8, 16)];
}

function calls(settings: Settings, callers: number, callees: number, outstanding: number): Load {
  return {
    name: `${callers}×${callees} calls, ${outstanding} outstanding`,
    unit: 'call',
    jobs: [{ kind: 'rpc', serializer: 'json', callers, callees, payloadBytes }],
    plan: closedLoop(settings, outstanding),
    receivers: 1,
  };
}

/** A load of two sessions, in one process and in two. */
function bothWays(load: Load): readonly Load[] {
  return (['together', 'apart'] as const).map((placement) => ({
    ...load,
    name: `${load.name}, ${placement}`,
    placement,
  }));
}

function figuresOf(runs: readonly Run[]): Figure[] {
  const all = (label: string, unit: string, of: (run: Run) => number): Figure => figure(label, unit, runs.map(of));
  const crossing = (label: string, unit: string, of: (crossing: Crossing) => number): Figure =>
    all(label, unit, ({ two }) => (two.crossing === null ? NaN : of(two.crossing)));
  return [
    all('one node', 'µs', ({ alone }) => alone.gantryUs),
    all('one over Redis', 'µs', ({ one }) => one.gantryUs),
    all('two', 'µs', ({ two }) => two.gantryUs),
    all('Redis', 'µs', ({ two }) => two.redisUs),
    all('two with Redis, of one node', '×', ({ alone, two }) => (two.gantryUs + two.redisUs) / alone.gantryUs),
    crossing('crossing', '%', ({ share }) => share * 100),
    crossing('crossings each', '', ({ each }) => each),
    crossing('batch', 'items', ({ itemsPerBatch }) => itemsPerBatch),
    all('a crossing', 'µs', (run) => crossingUs(run, run.two)),
    all('two, Unix socket', 'µs', ({ twoBySocket }) => twoBySocket.gantryUs),
    all('Redis, Unix socket', 'µs', ({ twoBySocket }) => twoBySocket.redisUs),
    all('a crossing, Unix socket', 'µs', (run) => crossingUs(run, run.twoBySocket)),
  ];
}

function paperOf(runs: readonly Run[], load: Load): Figure[] {
  const all = (label: string, unit: string, of: (paper: OnPaper) => number): Figure =>
    figure(
      label,
      unit,
      runs.map((run) => of(onPaper(run, load, manyProcesses))),
    );
  return [
    all(`${manyProcesses} on paper`, 'µs', ({ us }) => us),
    all('Redis of it', 'µs', ({ redisUs }) => redisUs),
    all(`${manyProcesses} on paper, rate of one node`, '×', ({ timesOneNode }) => timesOneNode),
  ];
}

function ratesOf(runs: readonly Run[]): Figure[] {
  const all = (label: string, unit: string, of: (run: Run) => number): Figure => figure(label, unit, runs.map(of));
  return [
    all('one node, rate', '/s', ({ alone }) => alone.perSecond),
    all('two, rate', '/s', ({ two }) => two.perSecond),
    all('two, rate of one node', '×', ({ alone, two }) => two.perSecond / alone.perSecond),
    all('one node busy', '%', ({ alone }) => alone.busy * 100),
    all('two busy', '%', ({ two }) => two.busy * 100),
  ];
}

/** Counts where the system puts the sessions. */
async function measureSpread(bench: Bench, pool: LoadPool, arm: Arm): Promise<Figure[]> {
  const fuller: number[] = [];
  for (let run = 0; run < bench.settings.runs; run += 1) {
    await arm.empty();
    const load = await pool.open(arm.endpoint, [{ kind: 'idle', serializer: 'json', connections: spreadOf(bench) }]);
    const counts = await arm.sessions();
    await load.close();
    fuller.push((Math.max(...counts) / spreadOf(bench)) * 100);
  }
  return [figure('the fuller process', '%', fuller)];
}

function spreadOf({ settings }: Bench): number {
  return Math.min(settings.idleSessions, spreadSessions);
}
