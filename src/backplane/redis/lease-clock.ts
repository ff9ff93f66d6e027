/**
 * How long this node may believe that nobody has declared it dead: one lease from the moment its last successful renewal was
 * sent, on its own monotonic clock. The store counts from when it carried the renewal out, which is later.
 */
export class LeaseClock {
  readonly #leaseMs: number;
  readonly #nowMs: () => number;
  #endsAtMs = -Infinity;

  constructor(leaseMs: number, nowMs: () => number) {
    this.#leaseMs = leaseMs;
    this.#nowMs = nowMs;
  }

  get isValid(): boolean {
    return this.#nowMs() < this.#endsAtMs;
  }

  get remainingMs(): number {
    return Math.max(0, this.#endsAtMs - this.#nowMs());
  }

  renewed(sentAtMs: number): void {
    this.#endsAtMs = Math.max(this.#endsAtMs, sentAtMs + this.#leaseMs);
  }

  end(): void {
    this.#endsAtMs = -Infinity;
  }
}
