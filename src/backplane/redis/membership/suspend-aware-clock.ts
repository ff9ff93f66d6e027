export interface SuspendAwareClockOptions {
  /** Monotonic. Stands still while the machine is suspended, and perhaps while its hypervisor pauses it. */
  readonly monotonicMs: () => number;
  /** Of the day: set forward when the machine wakes, and whenever somebody sets it. */
  readonly wallMs: () => number;
}

/** More than lies between two looks at two clocks, or than a clock is slewed in a minute. */
const JUMP_MS = 250;

/**
 * Monotonic milliseconds that go on while the machine sleeps: by how much the clock of the day has run ahead of the
 * monotonic one since the last look. Set forward by hand, it makes time pass too, which costs who asks a look too many.
 */
export class SuspendAwareClock {
  readonly #options: SuspendAwareClockOptions;
  #lastMs: number;
  #lastWallMs: number;
  #sleptMs = 0;

  constructor(options: SuspendAwareClockOptions) {
    this.#options = options;
    this.#lastMs = options.monotonicMs();
    this.#lastWallMs = options.wallMs();
  }

  nowMs(): number {
    const nowMs = this.#options.monotonicMs();
    const wallMs = this.#options.wallMs();
    const aheadMs = wallMs - this.#lastWallMs - (nowMs - this.#lastMs);
    if (aheadMs > JUMP_MS) this.#sleptMs += aheadMs;
    this.#lastMs = nowMs;
    this.#lastWallMs = wallMs;
    return nowMs + this.#sleptMs;
  }
}
