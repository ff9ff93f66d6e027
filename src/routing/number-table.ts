const EMPTY = -1;
const MIN_CAPACITY = 4;
/** Smaller tables are never shrunk. */
const KEPT_CAPACITY = 64;
const GOLDEN_RATIO = (1 + Math.sqrt(5)) / 2;
/** More quotients do not change 32 bits. */
const QUOTIENTS = 48;

/** The secret of a table's hash: one odd multiplier for each 32 bits of a key. */
export interface HashSeed {
  readonly low: number;
  readonly high: number;
}

/**
 * Draws a seed that clients cannot know, so that they cannot choose ids that collide. The hash of ascending ids is as
 * even as can be: the ratio of each multiplier to 2^32 is near no simple fraction, because its continued fraction
 * consists of 1 and 2 only.
 */
export function drawHashSeed(random: () => number): HashSeed {
  return { low: drawMultiplier(random()), high: drawMultiplier(random()) };
}

function drawMultiplier(random: number): number {
  let ratio = 1 / GOLDEN_RATIO;
  for (let index = 0, bits = random; index < QUOTIENTS; index++) {
    const quotient = bits < 0.5 ? 1 : 2;
    ratio = 1 / (quotient + ratio);
    bits = (bits * 2) % 1;
  }
  return Math.floor(ratio * 2 ** 32) | 1;
}

/**
 * Values by id, an integer from 0 to 2^53: a Map for tables that fill and empty with every call. V8 rebuilds a Map each
 * time it has seen as many deletions as it has room for, and hashes integers without a seed, so that clients could
 * choose ids that collide (ADR 28). Operations cost O(1), whatever ids clients choose.
 */
export class NumberTable<T> {
  readonly #low: number;
  readonly #high: number;
  // Open addressing, at most half full: a key is in the slot of its hash or behind it, with no free slot between.
  #keys = emptyKeys(MIN_CAPACITY);
  #values = emptyValues<T>(MIN_CAPACITY);
  #shift = shiftFor(MIN_CAPACITY);
  #size = 0;
  /** Deletions that left the table nearly empty since it was built. */
  #sparseCount = 0;

  constructor({ low, high }: HashSeed) {
    this.#low = low;
    this.#high = high;
  }

  get size(): number {
    return this.#size;
  }

  get capacity(): number {
    return this.#keys.length;
  }

  get(key: number): T | undefined {
    const keys = this.#keys;
    const mask = keys.length - 1;
    for (let slot = this.#home(key); ; slot = (slot + 1) & mask) {
      const found = keys[slot];
      if (found === key) return this.#values[slot];
      if (found === EMPTY) return undefined;
    }
  }

  has(key: number): boolean {
    return this.#keys[this.#find(key)] === key;
  }

  /** Adds or replaces. */
  set(key: number, value: T): void {
    const slot = this.#find(key);
    this.#values[slot] = value;
    if (this.#keys[slot] === key) return;
    this.#keys[slot] = key;
    this.#size++;
    if (this.#size * 2 > this.#keys.length) this.#rebuild(this.#keys.length * 2);
  }

  /** False: there was no such key. */
  delete(key: number): boolean {
    const slot = this.#find(key);
    const capacity = this.#keys.length;
    if (this.#keys[slot] !== key) return false;
    this.#vacate(slot);
    this.#size--;
    // Calls come in bursts: a table that is nearly empty now is full again in the next turn.
    if (capacity > KEPT_CAPACITY && this.#size * 16 < capacity && ++this.#sparseCount > capacity)
      this.#rebuild(capacity / 2);
    return true;
  }

  /** A copy, by ascending key. */
  values(): T[] {
    // A typed array is sorted without a call of a function for each comparison.
    const keys = this.#keys.filter((key) => key !== EMPTY).sort();
    return Array.from(keys, (key) => this.#values[this.#find(key)] as T);
  }

  /** A copy of up to `count` values, in no order. O(capacity). */
  some(count: number): T[] {
    const some: T[] = [];
    const keys = this.#keys;
    for (let slot = 0; slot < keys.length && some.length < count; slot++)
      if (keys[slot] !== EMPTY) some.push(this.#values[slot] as T);
    return some;
  }

  /** The slot of the key, or the free slot where it belongs. */
  #find(key: number): number {
    const keys = this.#keys;
    const mask = keys.length - 1;
    let slot = this.#home(key);
    for (let found = keys[slot]; found !== key && found !== EMPTY; found = keys[slot]) slot = (slot + 1) & mask;
    return slot;
  }

  /** Moves later keys up, unless they would leave the range in which `get` searches. */
  #vacate(slot: number): void {
    const keys = this.#keys;
    const values = this.#values;
    const mask = keys.length - 1;
    let hole = slot;
    for (let next = (slot + 1) & mask; ; next = (next + 1) & mask) {
      const key = keys[next] ?? EMPTY;
      if (key === EMPTY) break;
      if (((next - this.#home(key)) & mask) < ((next - hole) & mask)) continue;
      keys[hole] = key;
      values[hole] = values[next];
      hole = next;
    }
    keys[hole] = EMPTY;
    values[hole] = undefined;
  }

  #rebuild(capacity: number): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#keys = emptyKeys(capacity);
    this.#values = emptyValues(capacity);
    this.#shift = shiftFor(capacity);
    this.#sparseCount = 0;
    for (let slot = 0; slot < keys.length; slot++) {
      const key = keys[slot] ?? EMPTY;
      if (key === EMPTY) continue;
      const place = this.#find(key);
      this.#keys[place] = key;
      this.#values[place] = values[slot];
    }
  }

  #home(key: number): number {
    return (Math.imul(key | 0, this.#low) + Math.imul((key * 2 ** -32) | 0, this.#high)) >>> this.#shift;
  }
}

function emptyKeys(capacity: number): Float64Array {
  return new Float64Array(capacity).fill(EMPTY);
}

function emptyValues<T>(capacity: number): (T | undefined)[] {
  return new Array<T | undefined>(capacity).fill(undefined);
}

/** The highest bits of a product are the most evenly distributed. */
function shiftFor(capacity: number): number {
  return 32 - Math.log2(capacity);
}
