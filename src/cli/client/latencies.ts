const BUCKETS = 1_024;
/** Neighbouring buckets differ by less than 2 %. */
const BUCKETS_PER_OCTAVE = 40;

/** Times of requests, in a bounded number of buckets. */
export class Latencies {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  get maxMs(): number {
    return this.#maxMs;
  }

  add(ms: number): void {
    const bucket = Math.floor(Math.log2(ms * 1_000 + 1) * BUCKETS_PER_OCTAVE);
    const index = Math.min(bucket, BUCKETS - 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#count++;
    this.#maxMs = Math.max(this.#maxMs, ms);
  }

  /** The time within which this share of the requests ended: 0.99 for nearly all. NaN: there was none. */
  within(share: number): number {
    let left = Math.ceil(this.#count * share);
    for (const [index, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0 && this.#count > 0) return Math.min(2 ** ((index + 1) / BUCKETS_PER_OCTAVE) / 1_000, this.#maxMs);
    }
    return NaN;
  }
}
