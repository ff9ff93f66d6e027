import { observe } from '../../../telemetry/counters.js';
import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';

export interface ProberOptions {
  /** Publishes a probe with this number to the node's own inbox. */
  readonly send: (number: number) => void;
  readonly nowMs: () => number;
  /** A probe that takes longer is missed. */
  readonly timeoutMs: number;
  readonly counters: Pick<ClusterCounters, 'probeRoundTrip' | 'probesMissed'>;
  /** A probe did not arrive in time: this node receives nothing, or cannot send. */
  readonly missed: () => void;
}

/**
 * Publishes probes to the node's own inbox and waits for them. A subscriber connection can look healthy and deliver nothing:
 * only a probe that arrives shows that it works (G6).
 */
export class Prober {
  readonly #options: ProberOptions;
  #number = 0;
  /** Sent and not received yet, oldest first: as many as fit into the timeout. */
  #pending: { readonly number: number; readonly sentAtMs: number }[] = [];
  #receivedAtMs: number;
  #rounds: { readonly number: number; readonly done: () => void }[] = [];

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#receivedAtMs = options.nowMs();
  }

  /** Milliseconds since the last probe arrived. */
  get silenceMs(): number {
    return this.#options.nowMs() - this.#receivedAtMs;
  }

  /** To be called about every second. */
  tick(): void {
    const { nowMs, timeoutMs, counters, missed } = this.#options;
    const [oldest] = this.#pending;
    if (oldest !== undefined && nowMs() - oldest.sentAtMs >= timeoutMs) {
      counters.probesMissed.all++;
      this.#pending = [];
      missed();
      return;
    }
    this.#send();
  }

  /** Resolves once a probe that is sent from now on has arrived. The caller bounds the wait. */
  round(): Promise<void> {
    return new Promise((done) => {
      this.#rounds.push({ number: this.#number + 1, done });
      this.#send();
    });
  }

  /** A probe has arrived. Anybody may send one: a number that this node has not sent yet proves nothing. */
  received(number: number): void {
    if (!(number <= this.#number)) return;
    const { nowMs, counters } = this.#options;
    this.#receivedAtMs = nowMs();
    const sent = this.#pending.find((probe) => probe.number === number);
    if (sent !== undefined) observe(counters.probeRoundTrip, this.#receivedAtMs - sent.sentAtMs);
    // Probes arrive in order: an earlier one that has not arrived is lost.
    this.#pending = this.#pending.filter((probe) => probe.number > number);
    const due = this.#rounds.filter((round) => round.number <= number);
    this.#rounds = this.#rounds.filter((round) => round.number > number);
    for (const { done } of due) done();
  }

  /** Forgets the pending probes: the connections are new, and probes of the old ones do not arrive. */
  reset(): void {
    this.#pending = [];
    this.#rounds = [];
  }

  #send(): void {
    const number = ++this.#number;
    this.#pending.push({ number, sentAtMs: this.#options.nowMs() });
    this.#options.send(number);
  }
}
