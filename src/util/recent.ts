const KEPT_MS = 60_000;
const MAX_ENTRIES = 65_536;

/** Entries of the last 60 s, the newest 65,536 at most. Older ones go when another is added. */
export class Recent<Key, Value> {
  readonly #onFull: () => void;
  /** In the order in which they were added. */
  readonly #entries = new Map<Key, { readonly value: Value; readonly sinceMs: number }>();

  /** `onFull`: an entry goes before its time. */
  constructor(onFull: () => void) {
    this.#onFull = onFull;
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  add(key: Key, value: Value, nowMs: number): void {
    for (const [other, { sinceMs }] of this.#entries) {
      const isRecent = nowMs - sinceMs < KEPT_MS;
      if (isRecent && this.#entries.size < MAX_ENTRIES) break;
      if (isRecent) this.#onFull();
      this.#entries.delete(other);
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
}
