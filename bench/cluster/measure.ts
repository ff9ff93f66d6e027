import { setTimeout as pause } from 'node:timers/promises';
import type { Bench } from '../bench.js';
import type { Job, Latency, Outcome, Plan } from '../load/job.js';
import type { Cluster, ClusterNode } from './cluster.js';
import { laneCounts, laneCountsBetween, sumOfLanes, type LaneCounts } from './lane-counts.js';
import type { Page } from './metrics-page.js';
import type { PipeCost } from './pipe.js';
import { callsBetween, type CommandCalls } from './redis-server.js';

export interface Snapshot {
  readonly atMs: number;
  readonly pages: readonly Page[];
  readonly calls: CommandCalls;
}

/** The work of nodes and Redis between two looks at them. */
export interface Traffic {
  readonly seconds: number;
  /** One for each node. */
  readonly lanes: readonly LaneCounts[];
  readonly total: LaneCounts;
  /** Commands that Redis carried out, those of the lanes left out. */
  readonly otherCommands: number;
  /** PUBLISHes among them: probes, changes of realms and nodes. */
  readonly otherPublishes: number;
}

/** One run of a load. */
export interface Measured {
  readonly outcome: Outcome;
  readonly latency: Latency;
  /** Sent messages that arrived between the marks. */
  readonly count: number;
  /** CPU time for each sent message, in microseconds: of every node in turn, then of Redis. */
  readonly nodes: readonly number[];
  readonly redis: number;
  readonly traffic: Traffic;
}

export async function look({ nodes, redis }: Cluster): Promise<Snapshot> {
  const [calls, ...pages] = await Promise.all([redis.calls(), ...nodes.map((node) => node.page())]);
  return { atMs: performance.now(), pages, calls };
}

export function trafficBetween(before: Snapshot, after: Snapshot): Traffic {
  const lanes = after.pages.map((page, index) => laneCountsBetween(laneCounts(before.pages[index]!), laneCounts(page)));
  const total = sumOfLanes(lanes);
  const byLanes = total.batches + total.heartbeats;
  return {
    seconds: (after.atMs - before.atMs) / 1000,
    lanes,
    total,
    otherCommands: callsBetween(before.calls, after.calls) - byLanes,
    otherPublishes: callsBetween(before.calls, after.calls, 'publish') - byLanes,
  };
}

/** The traffic of heartbeats, probes and leases, while no client sends a message. */
export async function idleTraffic(cluster: Cluster, ms: number): Promise<Traffic> {
  const before = await look(cluster);
  await pause(ms);
  return trafficBetween(before, await look(cluster));
}

/** Connects a load at a node, runs it and counts what nodes and Redis did meanwhile. `arrivals`: of each message sent. */
export async function runIn(
  bench: Bench,
  cluster: Cluster,
  at: ClusterNode,
  jobs: readonly Job[],
  plan: Plan,
  arrivals = 1,
): Promise<Measured> {
  const load = await bench.pool.open(at.endpoint, jobs);
  try {
    const watched = [...cluster.nodes.map(({ pid }) => pid), cluster.redis.pid];
    const before = await look(cluster);
    const outcome = await load.run({ ...plan, watched });
    const traffic = trafficBetween(before, await look(cluster));
    const latency = outcome?.latency ?? null;
    if (outcome === null || latency === null) throw new Error('this job counts nothing');
    const count = outcome.messages / arrivals;
    const micros = (outcome.watchedSeconds ?? []).map((seconds) => (seconds / count) * 1e6);
    return { outcome, latency, count, nodes: micros.slice(0, -1), redis: micros.at(-1) ?? NaN, traffic };
  } finally {
    await load.close();
  }
}

/** The pipe with batches as large as those that the lanes had, and as many a second. */
export async function runPipe(bench: Bench, cluster: Cluster, like: Measured): Promise<PipeCost> {
  const { outcome, count, traffic } = like;
  const { items, batches, bytes } = traffic.total;
  const { warmupMs, measureMs } = bench.settings;
  const pipe = await cluster.pipe;
  return pipe.run((count / outcome.seconds) * (batches / outcome.sent), {
    itemsPerBatch: items / batches,
    itemBytes: bytes / items,
    warmupMs,
    measureMs,
  });
}

/** Several times over, those that do not count first; `measure` alternates between what is compared. */
export async function inTurn<T>(bench: Bench, measure: () => Promise<T>, times = 1): Promise<T[]> {
  const { coldRuns, runs } = bench.settings;
  for (let run = 0; run < coldRuns; run += 1) await measure();
  const measured: T[] = [];
  for (let run = 0; run < runs * times; run += 1) measured.push(await measure());
  return measured;
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
