/**
 * The cost of this turn of the event loop so far, in tenths of a microsecond of a usual machine. Code that works
 * through a list owned by others adds to it (G11); the scheduler, which limits a turn, resets it to 0.
 */
export interface TurnMeter {
  spent: number;
}

export const UNITS_PER_MS = 10_000;

/** Costs of units of work, measured as CPU time of a node, flush included; only their ratio matters. */
export const Cost = {
  /** A message read, checked and routed. */
  MESSAGE: 15,
  /** A message read and put into an inbox. */
  KEPT: 6,
  /** An EVENT queued and sent to one receiver. */
  RECEIVER: 2,
  /** A matching subscription, which needs an encoding of its own. */
  MATCH: 5,
  /** A session that begins, ends or is refused. */
  SESSION: 150,
  /** 200 subscriptions or registrations that end with their session. */
  SESSION_PART: 10_000,
} as const;

/** 64 bytes for each unit. */
const BYTES_PER_UNIT_BITS = 6;

/** Cost of reading or copying this many bytes. */
export function costOfBytes(bytes: number): number {
  return bytes >> BYTES_PER_UNIT_BITS;
}
