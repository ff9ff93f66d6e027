import { observe } from '../../../telemetry/counters.js';
import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';

export interface ProberOptions {
  /** Says a number into this node's own inbox. */
  readonly say: (number: number) => void;
  readonly nowMs: () => number;
  /** A probe not heard for this long: the node is deaf, or cannot speak. */
  readonly timeoutMs: number;
  readonly counters: Pick<ClusterCounters, 'probeRoundTrip' | 'probesMissed'>;
  readonly deaf: () => void;
}

/**
 * Listens for the node's own voice. A connection that listens can look healthy and be deaf: only what was said and heard
 * again shows that it is not (G6).
 */
export class Prober {
  readonly #options: ProberOptions;
  #number = 0;
  /** Said and not heard yet, oldest first: as many as fit into the timeout. */
  #waiting: { readonly number: number; readonly atMs: number }[] = [];
  #heardAtMs: number;
  #rounds: { readonly number: number; readonly done: () => void }[] = [];

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#heardAtMs = options.nowMs();
  }

  /** Milliseconds since the own voice was heard. */
  get silenceMs(): number {
    return this.#options.nowMs() - this.#heardAtMs;
  }

  /** To be called about every second. */
  tick(): void {
    const { nowMs, timeoutMs, counters, deaf } = this.#options;
    const [oldest] = this.#waiting;
    if (oldest !== undefined && nowMs() - oldest.atMs >= timeoutMs) {
      counters.probesMissed.all++;
      this.#waiting = [];
      deaf();
      return;
    }
    this.#say();
  }

  /** Resolves once a probe said from now on has been heard. Whoever asks bounds the wait. */
  round(): Promise<void> {
    return new Promise((done) => {
      this.#rounds.push({ number: this.#number + 1, done });
      this.#say();
    });
  }

  heard(number: number): void {
    const { nowMs, counters } = this.#options;
    this.#heardAtMs = nowMs();
    const said = this.#waiting.find((probe) => probe.number === number);
    if (said !== undefined) observe(counters.probeRoundTrip, this.#heardAtMs - said.atMs);
    // What is heard in order has nothing before it that could still come.
    this.#waiting = this.#waiting.filter((probe) => probe.number > number);
    const due = this.#rounds.filter((round) => round.number <= number);
    this.#rounds = this.#rounds.filter((round) => round.number > number);
    for (const { done } of due) done();
  }

  /** What was said before is not waited for any more: the connections are new. */
  reset(): void {
    this.#waiting = [];
    this.#rounds = [];
  }

  #say(): void {
    const number = ++this.#number;
    this.#waiting.push({ number, atMs: this.#options.nowMs() });
    this.#options.say(number);
  }
}
