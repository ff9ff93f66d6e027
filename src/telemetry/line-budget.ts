import type { LogEvent } from './log-events.js';

export interface LineBudgetOptions {
  /** Lines of one event per second. */
  readonly maxLinesPerSecondPerEvent: number;
  /** Lines of all events together per second. */
  readonly maxLinesPerSecond: number;
}

/** How many lines of an event were left out. */
export interface Suppression {
  readonly event: LogEvent;
  readonly count: number;
}

const PERIOD_MS = 1_000;

/**
 * Decides which log lines are written, by fixed periods of one second. Its tables are bounded by the number of events.
 */
export class LineBudget {
  readonly #options: LineBudgetOptions;
  readonly #written = new Map<LogEvent, number>();
  readonly #suppressed = new Map<LogEvent, number>();
  #writtenTotal = 0;
  #periodEndMs = 0;

  constructor(options: LineBudgetOptions) {
    this.#options = options;
  }

  /** May a line of this event be written now? An `essential` one is bounded only by its event's own share. */
  take(event: LogEvent, isEssential: boolean, nowMs: number): boolean {
    if (nowMs >= this.#periodEndMs) this.#startPeriod(nowMs);
    const written = this.#written.get(event) ?? 0;
    const isOverTotal = !isEssential && this.#writtenTotal >= this.#options.maxLinesPerSecond;
    if (written >= this.#options.maxLinesPerSecondPerEvent || isOverTotal) {
      this.#suppressed.set(event, (this.#suppressed.get(event) ?? 0) + 1);
      return false;
    }
    this.#written.set(event, written + 1);
    this.#writtenTotal++;
    return true;
  }

  /** Milliseconds until the current period ends; the logger then reports the suppressed lines. */
  remainingMs(nowMs: number): number {
    return Math.max(0, this.#periodEndMs - nowMs);
  }

  /** Lines suppressed since the last call. */
  takeSuppressed(): Suppression[] {
    const suppressions = Array.from(this.#suppressed, ([event, count]) => ({ event, count }));
    this.#suppressed.clear();
    return suppressions;
  }

  #startPeriod(nowMs: number): void {
    this.#written.clear();
    this.#writtenTotal = 0;
    this.#periodEndMs = nowMs + PERIOD_MS;
  }
}
