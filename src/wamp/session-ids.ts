import type { SessionId } from './ids.js';

/** Some sessions, by id. */
export interface SessionIds extends Iterable<SessionId> {
  has(session: SessionId): boolean;
}

/**
 * The ids a client listed. Not a Set: numbers can be chosen that share one bucket of it, and to build it then takes the
 * square of their count. O(n log n) to build, O(log n) to ask.
 */
export class ListedIds implements SessionIds {
  readonly #sorted: Float64Array;

  constructor(ids: readonly number[]) {
    this.#sorted = Float64Array.from(ids).sort();
  }

  has(session: SessionId): boolean {
    const sorted = this.#sorted;
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sorted[middle] ?? 0) < session) low = middle + 1;
      else high = middle;
    }
    return sorted[low] === session;
  }

  /** Ascending; one that was listed twice comes twice. */
  [Symbol.iterator](): Iterator<SessionId> {
    return (this.#sorted as unknown as Iterable<SessionId>)[Symbol.iterator]();
  }
}
