/**
 * What the work of this turn of the event loop has cost so far, in tenths of a microsecond of a usual machine. Who works
 * through a list that others own adds to it (G11); whoever decides how much a turn may cost sets it back to 0.
 */
export interface TurnMeter {
  spent: number;
}

export const UNITS_PER_MS = 10_000;

/** What things cost. Measured as CPU time of a node, flush included; only their relation matters. */
export const Cost = {
  /** Read, checked and routed. */
  MESSAGE: 15,
  /** Read, and put where it waits. */
  KEPT: 6,
  /** An EVENT queued and sent to one receiver. */
  RECEIVER: 2,
  /** A subscription that a topic matches, with an encoding of its own. */
  MATCH: 5,
  /** A session that begins, ends or is refused. */
  SESSION: 150,
} as const;

/** 64 bytes for each unit. */
const BYTES_PER_UNIT_BITS = 6;

/** Reading or copying so many bytes. */
export function costOfBytes(bytes: number): number {
  return bytes >> BYTES_PER_UNIT_BITS;
}
