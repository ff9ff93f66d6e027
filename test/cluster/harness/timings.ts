/** Short, but in the proportions of the defaults, so that a scenario takes seconds. */
export const TIMINGS = {
  leaseMs: 2_000,
  renewMs: 500,
  heartbeatMs: 300,
  probeTimeoutMs: 1_000,
  commandTimeoutMs: 1_000,
  barrierTimeoutMs: 5_000,
} as const;

export function timingSettings(prefix: string | undefined): string[] {
  const settings = { ...TIMINGS, ...(prefix === undefined ? {} : { prefix }) };
  return Object.entries(settings).map(([name, value]) => `backplane.redis.${name}=${value}`);
}
