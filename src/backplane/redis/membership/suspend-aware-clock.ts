export interface SuspendAwareClockOptions {
  /** Monotonic. Stands still while the machine is suspended, and perhaps while its hypervisor pauses it. */
  readonly monotonicMs: () => number;
  /** Time of day: set forward when the machine wakes, and whenever an operator sets it. */
  readonly wallMs: () => number;
}

/** More than the time between reading two clocks, or than a clock is slewed in a minute. */
const JUMP_MS = 250;

/**
 * Monotonic milliseconds that go on while the machine sleeps: it adds what the time of day has run ahead of the monotonic
 * clock since the last reading. An operator who sets the time of day forward makes time pass too, which costs a renewal.
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
