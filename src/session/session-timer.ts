/** Runs `action` once after `delayMs`; the returned function cancels it. */
export type After = (delayMs: number, action: () => void) => () => void;

/** The one timer that a connection's session state needs at a time. */
export class SessionTimer {
  readonly #after: After;
  #cancel: (() => void) | undefined;

  constructor(after: After) {
    this.#after = after;
  }

  /** Replaces the timer that runs. */
  start(delayMs: number, action: () => void): void {
    this.stop();
    this.#cancel = this.#after(delayMs, action);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
