/**
 * Monotonic milliseconds, read once per turn of the event loop: all work of a turn has the time of its beginning, when
 * its bytes had already arrived. Reading the clock twice per call costs more than finding the call.
 */
export class TurnClock {
  readonly #readMs: () => number;
  readonly #atEndOfTurn: (action: () => void) => void;
  readonly #expire = (): void => {
    this.#isRead = false;
  };
  #isRead = false;
  #nowMs = 0;

  /** `atEndOfTurn` runs an action before the event loop waits again. */
  constructor(readMs: () => number, atEndOfTurn: (action: () => void) => void) {
    this.#readMs = readMs;
    this.#atEndOfTurn = atEndOfTurn;
  }

  nowMs(): number {
    if (!this.#isRead) {
      this.#isRead = true;
      this.#nowMs = this.#readMs();
      this.#atEndOfTurn(this.#expire);
    }
    return this.#nowMs;
  }
}
