import type { Latency } from '../load/job.js';

const subBuckets = 64;
const octaves = 32;

/** Latencies in log-linear buckets: within 1.6 % of the true value, from 1 µs to an hour, in constant memory. */
export class Histogram {
  readonly #counts = new Float64Array(subBuckets * octaves);
  #count = 0;
  #maxUs = 0;

  record(milliseconds: number): void {
    const us = milliseconds < 0 ? 0 : milliseconds * 1000;
    const bucket = bucketOf(us);
    this.#counts[bucket] = this.#counts[bucket]! + 1;
    this.#count += 1;
    if (us > this.#maxUs) this.#maxUs = us;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#maxUs = 0;
  }

  summary(): Latency | null {
    if (this.#count === 0) return null;
    return {
      p50Us: this.#quantile(0.5),
      p99Us: this.#quantile(0.99),
      p999Us: this.#quantile(0.999),
      maxUs: this.#maxUs,
    };
  }

  #quantile(share: number): number {
    let left = share * this.#count;
    for (let bucket = 0; bucket < this.#counts.length; bucket += 1) {
      left -= this.#counts[bucket]!;
      if (left <= 0) return Math.min(upperEdge(bucket), this.#maxUs);
    }
    return this.#maxUs;
  }
}

function bucketOf(us: number): number {
  const whole = Math.min(Math.floor(us), 2 ** 31 - 1);
  if (whole < subBuckets) return whole;
  const octave = 31 - Math.clz32(whole) - 5;
  return octave * subBuckets + ((whole >>> octave) & (subBuckets - 1));
}

function upperEdge(bucket: number): number {
  const octave = Math.floor(bucket / subBuckets);
  return ((bucket % subBuckets) + 1) * 2 ** octave;
}
