import type { ArmName } from './arms.js';
import type { Load, Measured, Run } from './measure.js';

/** All that two processes and Redis take more than one process, for each publication or call that crosses, in microseconds. */
export function crossingUs({ one }: Run, { gantryUs, redisUs, crossing }: Measured): number {
  const each = crossing?.each ?? 0;
  return each === 0 ? NaN : (gantryUs + redisUs - one.gantryUs) / each;
}

/**
 * Publications or calls to another process for each event or call, where `count` processes have the sessions with equal
 * probability: each of the other processes wants a publication unless all receivers are elsewhere.
 */
export function crossingsEach(count: number, receivers: number): number {
  return ((count - 1) * (1 - (1 - 1 / count) ** receivers)) / receivers;
}

/** Figures of more processes than the machine has cores, from those of two. */
export interface OnPaper {
  /** CPU time of all processes and Redis for each event or call, in microseconds. */
  readonly us: number;
  /** That of Redis. */
  readonly redisUs: number;
  /** The rate of as many cores, of the rate of one node on one core, where Redis has one of them at most. */
  readonly timesOneNode: number;
}

/** Batches and the cost of a crossing remain as they are with two processes: more processes have smaller batches. */
export function onPaper(
  run: Run,
  { receivers }: Pick<Load, 'receivers'>,
  count: number,
  arm: ArmName = 'two',
): OnPaper {
  const measured = run[arm];
  const crossings = crossingsEach(count, receivers);
  const us = run.one.gantryUs + crossings * crossingUs(run, measured);
  const each = measured.crossing?.each ?? 0;
  const redisUs = each === 0 ? NaN : (measured.redisUs / each) * crossings;
  const byCores = (count * run.alone.gantryUs) / us;
  const byRedis = run.alone.gantryUs / redisUs;
  return { us, redisUs, timesOneNode: Number.isFinite(us) ? Math.min(byCores, byRedis) : NaN };
}
