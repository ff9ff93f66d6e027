import { performance } from 'node:perf_hooks';
import { histogram, observe, type Histogram } from './counters.js';

const PERIOD_MS = 20;
const BOUNDS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
/** Bound on the samples of one pause: in a longer pause they are further apart. */
const MAX_SAMPLES = 1_000;

/**
 * How late a timer would be at any moment, sampled every 20 ms. A standstill counts with every sample that it has swallowed, so
 * that its share is that of its time: one late timer among many would not show.
 */
export class LoopDelay {
  readonly histogram: Histogram = histogram(BOUNDS_MS);
  #dueAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Keeps no process alive. */
  start(): void {
    this.#dueAtMs = performance.now() + PERIOD_MS;
    this.#timer = setInterval(() => this.#sample(performance.now()), PERIOD_MS).unref();
  }

  /** Idempotent. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(nowMs: number): void {
    recordDelay(this.histogram, Math.max(0, nowMs - this.#dueAtMs), PERIOD_MS);
    this.#dueAtMs = nowMs + PERIOD_MS;
  }
}

/** A timer was that late which samples every `periodMs`: with it, those that would have been due meanwhile. O(samples), at most 1,000. */
export function recordDelay(into: Histogram, delayMs: number, periodMs: number): void {
  const stepMs = Math.max(periodMs, delayMs / MAX_SAMPLES);
  for (let lateMs = delayMs; lateMs >= 0; lateMs -= stepMs) observe(into, lateMs);
}
