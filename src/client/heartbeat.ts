/** A router that leaves a ping unanswered until the next one is gone. */
const PING_EVERY_MS = 20_000;

/** Pings a router, and notices when it is gone. */
export class Heartbeat {
  readonly #timer: NodeJS.Timeout;
  #isAnswered = true;
  #isPaused = false;

  /** `silent`: the router has not answered in time; the reason is for people. */
  constructor(ping: () => void, silent: (reason: string) => void) {
    this.#timer = setInterval(() => {
      // An answer cannot arrive while nothing is read.
      if (this.#isPaused) return;
      if (!this.#isAnswered) silent(`the router answered no ping for ${PING_EVERY_MS / 1_000} s`);
      this.#isAnswered = false;
      ping();
    }, PING_EVERY_MS);
  }

  /** The router has sent something. */
  received(): void {
    this.#isAnswered = true;
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
