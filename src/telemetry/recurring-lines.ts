export interface RecurringLinesOptions {
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Default: a minute. */
  readonly periodMs?: number;
}

const MINUTE_MS = 60_000;
/** Kinds that are distinguished; further kinds share one. */
const MAX_KINDS = 256;

interface Kind {
  readonly sinceMs: number;
  omittedCount: number;
}

/** For what repeats itself as long as a trouble lasts: its first line at once, and then one per period with the number left out. */
export class RecurringLines {
  readonly #nowMs: () => number;
  readonly #periodMs: number;
  readonly #kinds = new Map<string, Kind>();

  constructor({ nowMs, periodMs = MINUTE_MS }: RecurringLinesOptions) {
    this.#nowMs = nowMs;
    this.#periodMs = periodMs;
  }

  /** Calls `write` if a line of this kind is due. `omitted`: lines of the kind since the last one; absent when there were none. */
  log(kind: string, write: (omitted: { readonly count?: number }) => void): void {
    const nowMs = this.#nowMs();
    const key = this.#kinds.has(kind) || this.#kinds.size < MAX_KINDS || this.#forget(nowMs) ? kind : '';
    const last = this.#kinds.get(key);
    if (last !== undefined && nowMs - last.sinceMs < this.#periodMs) {
      last.omittedCount++;
      return;
    }
    this.#kinds.set(key, { sinceMs: nowMs, omittedCount: 0 });
    write(last === undefined || last.omittedCount === 0 ? {} : { count: last.omittedCount });
  }

  /** Forgets kinds whose period is over. True: there is room. */
  #forget(nowMs: number): boolean {
    for (const [kind, { sinceMs }] of this.#kinds) if (nowMs - sinceMs >= this.#periodMs) this.#kinds.delete(kind);
    return this.#kinds.size < MAX_KINDS;
  }
}
