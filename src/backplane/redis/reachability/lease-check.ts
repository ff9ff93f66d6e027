export interface LeaseCheckOptions {
  /** Renews the lease now; a renewal that was under way before does not count. */
  readonly renew: () => Promise<unknown>;
  /** The node lives. */
  readonly settled: () => void;
  /** Nothing is known: no renewal gets through now. */
  readonly failed: (cause: unknown) => void;
}

/**
 * The time in which this node may have been declared dead and may be alive: its lease has run out by its own clock, and no
 * renewal has answered since. One renewal decides. Meanwhile nothing leaves, nothing is heard and nothing is lost (G4).
 */
export class LeaseCheck {
  readonly #options: LeaseCheckOptions;
  #isOpen = false;

  constructor(options: LeaseCheckOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Idempotent. Nothing is said before it returns. */
  raise(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    const end = (): void => {
      this.#isOpen = false;
    };
    this.#options.renew().then(
      () => {
        end();
        this.#options.settled();
      },
      (cause: unknown) => {
        end();
        this.#options.failed(cause);
      },
    );
  }
}
