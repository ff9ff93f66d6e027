export interface LeaseClockOptions {
  readonly leaseMs: number;
  /** The lease of a node that does not listen: other nodes may declare it dead that long after its last renewal. */
  readonly absentLeaseMs: number;
  readonly nowMs: () => number;
}

/**
 * How long this node can be sure that no node has declared it dead: one lease from the moment its last successful renewal was
 * sent, on its own monotonic clock. The store counts from when it carried the renewal out, which is later.
 */
export class LeaseClock {
  readonly #options: LeaseClockOptions;
  #sentAtMs = -Infinity;
  #endsAtMs = -Infinity;
  #isAbsent = false;

  constructor(options: LeaseClockOptions) {
    this.#options = options;
  }

  get isValid(): boolean {
    return this.#options.nowMs() < this.#endsAtMs;
  }

  get remainingMs(): number {
    return Math.max(0, this.#endsAtMs - this.#options.nowMs());
  }

  renewed(sentAtMs: number): void {
    const { leaseMs, absentLeaseMs } = this.#options;
    this.#sentAtMs = Math.max(this.#sentAtMs, sentAtMs);
    this.#endsAtMs = Math.max(this.#endsAtMs, sentAtMs + (this.#isAbsent ? absentLeaseMs : leaseMs));
  }

  /** While the node does not listen its leases are short. Only another renewal makes a shortened lease longer again. */
  setListening(isListening: boolean): void {
    this.#isAbsent = !isListening;
    if (this.#isAbsent) this.#endsAtMs = Math.min(this.#endsAtMs, this.#sentAtMs + this.#options.absentLeaseMs);
  }

  end(): void {
    this.#endsAtMs = -Infinity;
  }
}
