const KEPT_MS = 60_000;
const MAX_ENTRIES = 65_536;

interface Entry<Value> {
  readonly value: Value;
  readonly sinceMs: number;
}

/** Entries of the last 60 s, the newest 65,536 at most. Older ones go when another is added. Each operation costs O(1), amortized. */
export class Recent<Key, Value> {
  readonly #onFull: () => void;
  /** In the order in which they were added. */
  readonly #entries = new Map<Key, Entry<Value>>();
  // Kept between calls: a new iterator of a Map skips, one by one, all entries that were deleted at its beginning.
  #ahead = this.#entries.entries();
  #oldest: readonly [Key, Entry<Value>] | undefined;

  /** `onFull`: an entry goes before its time. */
  constructor(onFull: () => void) {
    this.#onFull = onFull;
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  add(key: Key, value: Value, nowMs: number): void {
    for (let oldest = this.#findOldest(); oldest !== undefined; oldest = this.#findOldest()) {
      const isRecent = nowMs - oldest[1].sinceMs < KEPT_MS;
      if (isRecent && this.#entries.size < MAX_ENTRIES) break;
      if (isRecent) this.#onFull();
      this.#entries.delete(oldest[0]);
    }
    // An entry that is added again has its place behind the others.
    this.#entries.delete(key);
    this.#entries.set(key, { value, sinceMs: nowMs });
  }

  /** Removes the entry. Undefined: there is none. */
  take(key: Key): Value | undefined {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    return entry?.value;
  }

  #findOldest(): readonly [Key, Entry<Value>] | undefined {
    const entries = this.#entries;
    if (entries.size === 0) return undefined;
    while (this.#oldest === undefined || entries.get(this.#oldest[0]) !== this.#oldest[1]) {
      const next = this.#ahead.next();
      // An iterator that has ended finds no entry that is added later.
      if (next.done === true) this.#ahead = entries.entries();
      this.#oldest = next.done === true ? undefined : next.value;
    }
    return this.#oldest;
  }
}
