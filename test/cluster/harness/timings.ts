/** Short, but in the proportions of the defaults, so that a scenario takes seconds. */
export const TIMINGS = {
  leaseMs: 3_000,
  renewMs: 600,
  heartbeatMs: 300,
  probeTimeoutMs: 1_500,
  barrierTimeoutMs: 5_000,
  reaskMs: 300,
} as const;
/** For nodes that must keep their lease, whatever else the machine does. */
export const LONG_LEASE = [
  'backplane.cluster.leaseMs=12000',
  'backplane.cluster.absentMs=12000',
  'backplane.cluster.barrierTimeoutMs=14000',
] as const;
export const COMMAND_TIMEOUT_MS = 1_500;

/** A dead node is reaped by then: its lease runs out and one of the others sees it at its next renewal. */
export const REAPED_MS = TIMINGS.leaseMs + TIMINGS.renewMs + 1_500;
/** A node that does not receive its own probe reports it by then. */
export const NOTICED_MS = TIMINGS.probeTimeoutMs + COMMAND_TIMEOUT_MS + TIMINGS.heartbeatMs + 1_000;
/** Every call has ended by then, whatever became of the nodes it needs: they have noticed, come back or been reaped. */
export const ANSWERED_MS = NOTICED_MS + REAPED_MS;
/** When the store is back everything works by then, without any client doing anything. */
export const HEALED_MS = 6_000;

export function timingSettings(prefix: string): string[] {
  return [
    ...Object.entries(TIMINGS).map(([name, value]) => `backplane.cluster.${name}=${value}`),
    `backplane.redis.commandTimeoutMs=${COMMAND_TIMEOUT_MS}`,
    `backplane.redis.connectTimeoutMs=${COMMAND_TIMEOUT_MS}`,
    `backplane.redis.prefix=${prefix}`,
  ];
}
