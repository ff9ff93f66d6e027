export interface LeaseCheckEvents {
  /** The lease is renewed: the node is alive. */
  confirmed(): void;
  /** The renewal failed, and nothing is known. */
  failed(cause: unknown): void;
}

export interface LeaseCheckOptions {
  /** Renews the lease now; a renewal that has begun before does not count. */
  readonly renew: () => Promise<unknown>;
  readonly events: LeaseCheckEvents;
}

/**
 * The check that follows when this node's lease has run out by its own clock: other nodes may have declared it dead. One
 * renewal decides. While it is pending the node sends nothing, processes nothing and loses nothing (G4).
 */
export class LeaseCheck {
  readonly #options: LeaseCheckOptions;
  #isPending = false;

  constructor(options: LeaseCheckOptions) {
    this.#options = options;
  }

  get isPending(): boolean {
    return this.#isPending;
  }

  /** Idempotent. No event comes before it returns. */
  start(): void {
    if (this.#isPending) return;
    this.#isPending = true;
    const { renew, events } = this.#options;
    renew().then(
      () => {
        this.#isPending = false;
        events.confirmed();
      },
      (cause: unknown) => {
        this.#isPending = false;
        events.failed(cause);
      },
    );
  }
}
