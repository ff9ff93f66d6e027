import { setTimeout as pause } from 'node:timers/promises';
import { openLoop, type Bench } from '../bench.js';
import type { OpenLoad } from '../load-pool.js';
import type { FanoutJob, Latency, Outcome } from '../load/job.js';
import { cpuSeconds } from '../measure/cpu.js';
import type { Cluster, ClusterNode } from './cluster.js';
import { look, trafficBetween } from './measure.js';
import { quantileBetween } from './metrics-page.js';

const perSecond = 200;
const quietMs = 2_000;
const smokeQuietMs = 100;
const longestMs = 120_000;
const barrier = 'gantry_cluster_barrier_duration_seconds';

/** The cost of a storm on node A, and its effect on others. */
export interface Storm {
  readonly seconds: number;
  /** Commands of Redis, without those of the lanes and those that there are without the storm. */
  readonly commands: number;
  /** CPU seconds of A, B and Redis. */
  readonly cpu: readonly number[];
  /** Duration of the barriers of A; NaN without any. */
  readonly barrierP99Us: number;
  /** Delays of events between others, from A to B and from B to A. */
  readonly delays: readonly Latency[];
  readonly quietDelays: readonly Latency[];
}

/** Events go from A to B and from B to A all the while; `act` resolves when the storm is over. */
export async function stormIn(bench: Bench, cluster: Cluster, act: () => Promise<void>): Promise<Storm> {
  const isSmoke = bench.settings.mode === 'smoke';
  const quiet = await watch(bench, cluster, () => pause(isSmoke ? smokeQuietMs : quietMs));
  const { traffic, ...storm } = await watch(bench, cluster, act);
  const usual = (quiet.traffic.otherCommands / quiet.traffic.seconds) * traffic.seconds;
  return { ...storm, commands: traffic.otherCommands - usual, quietDelays: quiet.delays };
}

async function watch(bench: Bench, cluster: Cluster, act: () => Promise<void>) {
  const observers = await openObservers(bench, cluster);
  try {
    const plan = { ...openLoop(bench.settings, perSecond), measureMs: longestMs };
    const observing = observers.map((load) => load.run(plan));
    // `Promise.all` below reports a failure.
    for (const one of observing) one.catch(() => undefined);
    await pause(plan.warmupMs);
    const pids = [...cluster.pair.map(({ pid }) => pid), cluster.redis.pid];
    const cpuBefore = pids.map(cpuSeconds);
    const before = await look(cluster);
    const startMs = performance.now();
    try {
      await act();
    } finally {
      for (const load of observers) load.finish();
    }
    const seconds = (performance.now() - startMs) / 1000;
    const cpu = pids.map((pid, index) => cpuSeconds(pid) - cpuBefore[index]!);
    const after = await look(cluster);
    return {
      seconds,
      cpu,
      traffic: trafficBetween(before, after),
      barrierP99Us: quantileBetween(before.pages[0]!, after.pages[0]!, barrier, 0.99) * 1e6,
      delays: (await Promise.all(observing)).map(latencyOf),
    };
  } finally {
    for (const load of observers) await load.close();
  }
}

async function openObservers(bench: Bench, { pair: [a, b] }: Cluster): Promise<OpenLoad[]> {
  const there = await bench.pool.open(a.endpoint, [jobTo('com.bench.other.there', b)]);
  try {
    return [there, await bench.pool.open(b.endpoint, [jobTo('com.bench.other.back', a)])];
  } catch (error) {
    await there.close();
    throw error;
  }
}

function jobTo(topic: string, { endpoint: audience }: ClusterNode): FanoutJob {
  return {
    kind: 'fanout',
    publisher: 'json',
    subscribers: ['json'],
    remoteSubscribers: [],
    audience,
    topic,
    payloadBytes: 32,
  };
}

function latencyOf(outcome: Outcome | null): Latency {
  const latency = outcome?.latency ?? null;
  if (latency === null) throw new Error('no event came meanwhile');
  return latency;
}

/** Resolves when what a storm has left is gone everywhere. */
export function calm(cluster: Cluster): Promise<void> {
  return cluster.until(
    (page) => page.get('gantry_sessions') === 0 && page.get('gantry_cluster_mirror_topics') === 0,
    'subscriptions or sessions are left that nobody has',
  );
}
