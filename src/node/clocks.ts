import { performance } from 'node:perf_hooks';

const MICROSECONDS_PER_MS = 1_000;

/** Time of a clock that never goes back. */
export function nowMs(): number {
  return performance.now();
}

/** CPU time that this process has used. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / MICROSECONDS_PER_MS;
}
