export interface ReachabilityOptions {
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** A shorter outage is not said to the node: what needs others is refused meanwhile, what is pending waits. */
  readonly downAfterMs: number;
  /** Pause between two attempts to recover while connected. */
  readonly retryMs: number;
  /** Opens the ways to the other nodes again. `isCurrent` turns false when they were lost once more meanwhile. */
  readonly recover: (isCurrent: () => boolean) => Promise<void>;
  readonly isConnected: () => boolean;
  readonly cutOff: () => void;
  readonly down: () => void;
  /** After every loss, also one that was not said; before `up`. */
  readonly regained: () => void;
  readonly up: () => void;
  readonly recoveryFailed: (cause: unknown) => void;
}

/** Whether this node can reach the others: lost at once, won back by a recovery that went through (G6). */
export class Reachability {
  readonly #options: ReachabilityOptions;
  #state: 'up' | 'cut_off' | 'recovering' | 'over' = 'up';
  /** A recovery opens the ways before it is through, and leaves them so when it fails. */
  #isCutOff = false;
  #isDownSaid = false;
  /** Counts losses, so that a recovery that was overtaken by the next one ends nothing. */
  #lossCount = 0;
  #cancelDown: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;

  constructor(options: ReachabilityOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  /** Something that the ways to the others need was lost. Idempotent; a recovery under way is void. */
  lose(): void {
    if (this.#state === 'over') return;
    const before = this.#state;
    this.#lossCount++;
    this.#state = 'cut_off';
    this.#cancelRetry?.();
    if (!this.#isCutOff) {
      this.#isCutOff = true;
      this.#options.cutOff();
    }
    if (before !== 'up') return;
    this.#cancelDown = this.#options.after(this.#options.downAfterMs, () => {
      this.#isDownSaid = true;
      this.#options.down();
    });
  }

  /** Everything needed seems to be there again. */
  regain(): void {
    if (this.#state === 'cut_off') void this.#recover();
  }

  end(): void {
    this.#state = 'over';
    this.#cancelDown?.();
    this.#cancelRetry?.();
  }

  async #recover(): Promise<void> {
    const loss = this.#lossCount;
    const isCurrent = (): boolean => loss === this.#lossCount && this.#state === 'recovering';
    this.#state = 'recovering';
    this.#isCutOff = false;
    try {
      await this.#options.recover(isCurrent);
    } catch (cause) {
      if (!isCurrent()) return;
      this.#options.recoveryFailed(cause);
      this.#state = 'cut_off';
      this.#cancelRetry = this.#options.after(this.#options.retryMs, () => {
        if (this.#options.isConnected()) this.regain();
      });
      return;
    }
    if (!isCurrent()) return;
    this.#state = 'up';
    this.#cancelDown?.();
    this.#options.regained();
    if (!this.#isDownSaid) return;
    this.#isDownSaid = false;
    this.#options.up();
  }
}
