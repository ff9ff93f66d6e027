/** Tries something again after a pause. */
export class RetryTimer {
  readonly #after: (delayMs: number, action: () => void) => () => void;
  readonly #pauseMs: number;
  readonly #retry: () => void;
  #cancel: (() => void) | undefined;

  constructor(after: (delayMs: number, action: () => void) => () => void, pauseMs: number, retry: () => void) {
    this.#after = after;
    this.#pauseMs = pauseMs;
    this.#retry = retry;
  }

  /** A pause that has begun goes on. */
  start(): void {
    this.#cancel ??= this.#after(this.#pauseMs, () => {
      this.#cancel = undefined;
      this.#retry();
    });
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
