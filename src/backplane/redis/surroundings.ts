import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { after } from '../../util/timeout.js';

/** Clocks, timers and random numbers that the backplane of one node uses. */
export interface Surroundings {
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Runs `action` once after `delayMs`; the returned function cancels it. */
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** The same, and the process does not end before. */
  readonly lastingAfter: (delayMs: number, action: () => void) => () => void;
  readonly atEndOfTurn: (action: () => void) => void;
  /** 0..1, 1 excluded. */
  readonly random: () => number;
  /** The end of a NodeId, different for each incarnation. */
  readonly incarnation: () => string;
}

/** Those of a process. */
export const PROCESS: Surroundings = {
  nowMs: () => performance.now(),
  wallMs: Date.now,
  after,
  lastingAfter: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
  atEndOfTurn: setImmediate,
  random: Math.random,
  incarnation: randomUUID,
};
