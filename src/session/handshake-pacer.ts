import type { Counters } from '../telemetry/counters.js';
import { unavailable, type Unavailable } from './ports.js';

export interface PacingLimits {
  /** Handshakes that begin per second; 0: no limit. */
  readonly maxHandshakesPerSecond: number;
  /** Handshakes that wait for their turn. */
  readonly maxWaitingHandshakes: number;
}

export interface HandshakePacerOptions {
  /** Read at each use: a reload may change them. */
  readonly limits: PacingLimits;
  /** Longest time in which one step begins handshakes. */
  readonly stepBudgetMs: number;
  /** Monotonic. */
  readonly nowMs: () => number;
  /** Runs an action once, some milliseconds later. */
  readonly later: (action: () => void) => void;
  /** True: the node handles no messages of clients now, so no handshake begins. */
  readonly isHeld: () => boolean;
  /** The same key for all addresses that one host may use. */
  readonly addressKeyOf: (address: string) => string;
  readonly counters: Pick<Counters, 'handshakes'>;
}

/** A handshake that waits. */
export interface HandshakePlace {
  /** The handshake has ended before its turn. */
  leave(why: 'gone' | 'timeout'): void;
}

/** Handshakes of one address, in the order of their HELLOs. */
type Line = Set<() => void>;

/** Handshakes that may begin at once, after a pause, as milliseconds of the rate. */
const BURST_MS = 50;
const MS_PER_SECOND = 1_000;

/**
 * Bounds how many handshakes begin per second, so that clients that all reconnect at the same time leave time for the
 * sessions that are established (ADR 49). Handshakes above the rate wait, and begin in rounds over their addresses, one of
 * each address. An address may have as many waiting as places are free: one address alone takes half of the places.
 */
export class HandshakePacer {
  readonly #options: HandshakePacerOptions;
  /** Addresses with handshakes that wait, the next one first. */
  readonly #lines = new Map<string, Line>();
  #waitingCount = 0;
  #tokens = 1;
  #refilledMs: number;
  #isArmed = false;

  constructor(options: HandshakePacerOptions) {
    this.#options = options;
    this.#refilledMs = options.nowMs();
  }

  get waitingCount(): number {
    return this.#waitingCount;
  }

  /** Undefined: the handshake may begin at once. Otherwise `begin` is called when its turn has come. */
  enter(address: string, begin: () => void): HandshakePlace | Unavailable | undefined {
    const { addressKeyOf, counters, limits } = this.#options;
    if (this.#waitingCount === 0 && this.#takeToken()) {
      counters.handshakes.at_once++;
      return undefined;
    }
    const key = addressKeyOf(address);
    const line: Line = this.#lines.get(key) ?? new Set();
    if (line.size >= limits.maxWaitingHandshakes - this.#waitingCount) {
      counters.handshakes.refused++;
      return unavailable('full', 'too many handshakes wait for their turn (limits.maxWaitingHandshakes)');
    }
    // An identity of its own, in case a caller passes the same function twice.
    const entry = (): void => begin();
    line.add(entry);
    this.#lines.set(key, line);
    this.#waitingCount++;
    this.#arm();
    return {
      leave: (why) => {
        if (!line.delete(entry)) return;
        if (line.size === 0) this.#lines.delete(key);
        this.#waitingCount--;
        counters.handshakes[why]++;
      },
    };
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#options.later(() => {
      this.#isArmed = false;
      this.#step();
    });
  }

  /** Begins handshakes until the rate, or the time of one step, is used up. */
  #step(): void {
    const { nowMs, stepBudgetMs, isHeld } = this.#options;
    const untilMs = nowMs() + stepBudgetMs;
    while (this.#waitingCount > 0 && !isHeld() && this.#takeToken()) {
      this.#beginNext();
      if (nowMs() >= untilMs) break;
    }
    if (this.#waitingCount > 0) this.#arm();
  }

  #beginNext(): void {
    for (const [key, line] of this.#lines) {
      this.#lines.delete(key);
      for (const begin of line) {
        line.delete(begin);
        if (line.size > 0) this.#lines.set(key, line);
        this.#waitingCount--;
        this.#options.counters.handshakes.waited++;
        begin();
        return;
      }
    }
  }

  #takeToken(): boolean {
    const { limits, nowMs } = this.#options;
    const perMs = limits.maxHandshakesPerSecond / MS_PER_SECOND;
    if (perMs === 0) return true;
    const now = nowMs();
    this.#tokens = Math.min(Math.max(1, BURST_MS * perMs), this.#tokens + (now - this.#refilledMs) * perMs);
    this.#refilledMs = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
