/** Ids that the page holds; as many as the router lists at most. */
export const MAX_IDS = 100_000;
/** Entries that the page remembers, and the newest entries that a filter looks through. */
export const MAX_KNOWN = 2_000;

/** The ids of a list in the order in which the page learned of them, and what is known of some of them. */
export class Entries {
  #ids = new Set();
  /** The ids as an array. Undefined: to be made. */
  #order;
  /** Entries by id, each with the time when it was read; the oldest are forgotten first. */
  #known = new Map();
  /** Ids that came and went while the router made a list. Undefined: it makes none. */
  #meanwhile;

  get size() {
    return this.#ids.size;
  }

  get isFull() {
    return this.#ids.size >= MAX_IDS;
  }

  has(id) {
    return this.#ids.has(id);
  }

  /** Entry of an id, or undefined. */
  get(id) {
    return this.#known.get(id);
  }

  add(id) {
    this.#meanwhile?.set(id, true);
    if (this.isFull || this.#ids.has(id)) return;
    this.#ids.add(id);
    this.#order?.push(id);
  }

  remove(id) {
    this.#meanwhile?.set(id, false);
    if (!this.#ids.delete(id)) return;
    this.#known.delete(id);
    this.#order = undefined;
  }

  remember(id, entry, nowMs) {
    if (!this.#ids.has(id)) return;
    this.#known.delete(id);
    this.#known.set(id, { ...entry, readMs: nowMs });
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value);
  }

  /** Marks the entry as old, so that the view reads it again. */
  touch(id) {
    const entry = this.#known.get(id);
    if (entry !== undefined) entry.readMs = -Infinity;
  }

  /**
   * Takes over a list of the router. Entries that came or went since it was asked for are newer than the list. A list that comes after
   * another one was asked for, or after `clear`, is ignored.
   */
  async load(list) {
    const meanwhile = new Map();
    this.#meanwhile = meanwhile;
    let listed;
    let isLatest = false;
    try {
      listed = new Set(await list());
    } finally {
      isLatest = this.#meanwhile === meanwhile;
      if (isLatest) this.#meanwhile = undefined;
    }
    if (!isLatest) return;
    for (const [id, isThere] of meanwhile) {
      if (isThere) listed.add(id);
      else listed.delete(id);
    }
    for (const id of this.#ids) if (!listed.has(id)) this.remove(id);
    for (const id of listed) this.add(id);
  }

  clear() {
    this.#meanwhile = undefined;
    this.#ids.clear();
    this.#known.clear();
    this.#order = undefined;
  }

  /** The newest first, from a place on. */
  newest(from, count) {
    this.#order ??= [...this.#ids];
    const end = Math.max(0, this.#order.length - from);
    return this.#order.slice(Math.max(0, end - count), end).reverse();
  }
}
