import { setTimeout as pause } from 'node:timers/promises';
import { cpuSeconds } from '../measure/cpu.js';
import { Histogram } from '../measure/histogram.js';
import type { Endpoint } from './endpoint.js';
import type { Outcome, Pace, Plan } from './job.js';

interface Mark {
  readonly atMs: number;
  readonly received: number;
  readonly cpuSeconds: number | null;
  readonly watchedSeconds: readonly number[];
}

const ringSize = 1 << 17;
const ringMask = ringSize - 1;
const stallMs = 15_000;
/** Messages so far apart are paced by a timer; for closer ones every turn of the event loop looks at the clock. */
const timedFromMs = 4;

/** The part of an activity that the meter drives: it sends some more, and knows when everything sent has come back. */
export interface Driver {
  /** Sends up to `count` messages now. */
  send(count: number): void;
  isSettled(): boolean;
}

/**
 * Paces a run and counts what arrives between two marks. CPU time and counts are read by the same process at the same
 * moment. A failure reported anywhere ends the run.
 */
export class Meter {
  sent = 0;
  received = 0;
  readonly #endpoint: Endpoint;
  readonly #histogram = new Histogram();
  /** When the n-th message was meant to leave. */
  readonly #intendedMs = new Float64Array(ringSize);
  #nowMs = 0;
  #isMeasuring = false;
  #isSending = false;
  #isOpenLoop = false;
  #fail: (error: Error) => void = () => undefined;
  #failure: Error | null = null;
  #finish: () => void = () => undefined;
  readonly #finished = new Promise<void>((resolve) => (this.#finish = resolve));

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  get isSending(): boolean {
    return this.#isSending;
  }

  /** Ends the run, now or when it begins. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#fail(error);
  }

  /** Sets the second mark now. */
  finish(): void {
    this.#finish();
  }

  /** Call once a read, before its messages are recorded. */
  tick(): void {
    this.#nowMs = performance.now();
  }

  /** The n-th message leaves now. In an open loop its time was set before. */
  stamp(sequence: number): void {
    if (!this.#isOpenLoop) this.#intendedMs[sequence & ringMask] = this.#nowMs;
  }

  recordLatency(sequence: number): void {
    if (this.#isMeasuring) this.#histogram.record(this.#nowMs - this.#intendedMs[sequence & ringMask]!);
  }

  /** For a process that only receives: the two marks, without sending anything. */
  async observe(plan: Plan): Promise<Outcome> {
    return this.#orFailure(this.#measure(plan));
  }

  async run(plan: Plan, driver: Driver): Promise<Outcome> {
    this.#isSending = true;
    this.#isOpenLoop = plan.pace.kind === 'open';
    const pacing = this.#pace(plan.pace, driver);
    try {
      const outcome = await this.#orFailure(this.#measure(plan));
      this.#isSending = false;
      await this.#orFailure(this.settle(() => driver.isSettled()));
      return { ...outcome, sent: this.sent };
    } finally {
      this.#isSending = false;
      await pacing;
    }
  }

  /** Waits until `isSettled`; fails when nothing arrives any more before that. */
  async settle(isSettled: () => boolean): Promise<void> {
    let seen = -1;
    let since = performance.now();
    while (!isSettled()) {
      if (this.received !== seen) {
        seen = this.received;
        since = performance.now();
      } else if (performance.now() - since > stallMs) {
        throw new Error(
          `messages are missing: ${this.sent} sent, ${this.received} arrived, and no more for ${stallMs} ms`,
        );
      }
      await pause(1);
    }
  }

  #orFailure<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#fail = reject;
      if (this.#failure !== null) reject(this.#failure);
      work.then(resolve, reject);
    });
  }

  async #measure(plan: Plan): Promise<Outcome> {
    await pause(plan.warmupMs);
    const start = this.#mark(plan);
    this.#isMeasuring = true;
    await Promise.race([pause(plan.measureMs), this.#finished]);
    // Short runs of a cold router: a mark without a message between would say nothing.
    for (let waitedMs = 0; this.received === start.received && waitedMs < stallMs; waitedMs += 5) await pause(5);
    this.#isMeasuring = false;
    const end = this.#mark(plan);
    const messages = end.received - start.received;
    if (messages === 0) throw new Error(`nothing arrived in ${plan.measureMs + stallMs} ms`);
    return {
      messages,
      seconds: (end.atMs - start.atMs) / 1000,
      cpuSeconds: start.cpuSeconds === null || end.cpuSeconds === null ? null : end.cpuSeconds - start.cpuSeconds,
      watchedSeconds: end.watchedSeconds.map((seconds, index) => seconds - start.watchedSeconds[index]!),
      sent: this.sent,
      latency: this.#histogram.summary(),
    };
  }

  #mark({ watched = [] }: Plan): Mark {
    const { pid } = this.#endpoint;
    return {
      atMs: performance.now(),
      received: this.received,
      cpuSeconds: pid === null ? null : cpuSeconds(pid),
      watchedSeconds: watched.map(cpuSeconds),
    };
  }

  async #pace(pace: Pace, driver: Driver): Promise<void> {
    if (pace.kind === 'open') return this.#sendAtRate(pace.perSecond, driver);
    // Everything after the first window is sent by what comes back.
    this.tick();
    driver.send(pace.window);
  }

  async #sendAtRate(perSecond: number, driver: Driver): Promise<void> {
    const startMs = performance.now();
    const first = this.sent;
    while (this.#isSending) {
      const nowMs = performance.now();
      const due = first + Math.floor(((nowMs - startMs) * perSecond) / 1000) + 1;
      if (due - this.sent > ringSize / 2) {
        this.fail(new Error(`the load generator cannot keep up with ${perSecond} messages a second`));
        return;
      }
      for (let sequence = this.sent; sequence < due; sequence += 1) {
        this.#intendedMs[sequence & ringMask] = startMs + ((sequence - first) * 1000) / perSecond;
      }
      if (due > this.sent) driver.send(due - this.sent);
      // Timers are a millisecond coarse: look at the clock in every turn instead.
      await (1000 / perSecond < timedFromMs ? nextTurn() : pause(1));
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
