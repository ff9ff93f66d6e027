/** A beginning is decided within this time. */
const DECIDED_WITHIN_MS = 60_000;
const MAX_REMEMBERED = 65_536;

/**
 * Beginnings that no meta event has announced so far. Those that nothing confirms are forgotten: no session was interested
 * in them, or the request has failed.
 */
export class Unannounced<Key, What> {
  readonly #entries = new Map<Key, { readonly what: What; readonly sinceMs: number }>();

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  add(key: Key, what: What, nowMs: number): void {
    for (const [other, { sinceMs }] of this.#entries) {
      if (nowMs - sinceMs < DECIDED_WITHIN_MS && this.#entries.size < MAX_REMEMBERED) break;
      this.#entries.delete(other);
    }
    this.#entries.set(key, { what, sinceMs: nowMs });
  }

  /** Removes it. Undefined: it is announced, or forgotten. */
  take(key: Key): What | undefined {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    return entry?.what;
  }
}
