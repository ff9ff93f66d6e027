import { cpuSeconds } from '../measure/cpu.js';
import type { Cluster } from './cluster.js';

/** The cost of an operation. */
export interface Spent {
  readonly seconds: number;
  /** CPU seconds of the first two nodes and of Redis. */
  readonly nodeA: number;
  readonly nodeB: number;
  readonly redis: number;
}

export async function spentOn({ pair, redis }: Cluster, act: () => Promise<void>): Promise<Spent> {
  const pids = [pair[0].pid, pair[1].pid, redis.pid] as const;
  const before = pids.map(cpuSeconds);
  const startMs = performance.now();
  await act();
  const seconds = (performance.now() - startMs) / 1000;
  const [nodeA = NaN, nodeB = NaN, ofRedis = NaN] = pids.map((pid, index) => cpuSeconds(pid) - before[index]!);
  return { seconds, nodeA, nodeB, redis: ofRedis };
}

/** CPU time of all three, in microseconds for each of `count`. */
export function microsEach({ nodeA, nodeB, redis }: Spent, count: number): number {
  return ((nodeA + nodeB + redis) * 1e6) / count;
}
