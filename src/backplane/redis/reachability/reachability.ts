/**
 * Whether this node can reach the cluster is decided in four steps, each in a file of this folder:
 *
 * 1. Connection: `RedisConnections` reports that its connections to the store are ready, or that one was lost. A loss cuts
 *    this node off at once (`Reachability.lost`); connections that are ready start a recovery (`Reachability.recover`).
 * 2. Own probe (`Prober`): a connection can look healthy and deliver nothing. The node publishes probes to its own inbox;
 *    one that does not arrive in time makes the connections reconnect, which is step 1 again.
 * 3. Lease (`LeaseCheck`): after a pause the connections may be healthy and the lease may have run out, so that the other
 *    nodes may have declared this one dead. One renewal decides; when it fails the node is cut off as in step 1.
 * 4. Hold (`Hold`): while the lease is unconfirmed, what other nodes send waits here, in order. It is processed once the
 *    lease is confirmed, and discarded once the node is fenced.
 *
 * `OutageLog` writes what an operator needs of all that.
 */

export interface ReachabilityEvents {
  /** Opens the lanes to the other nodes again. `isCurrent` turns false when they were lost once more meanwhile. */
  recover(isCurrent: () => boolean): Promise<void>;
  /** Another attempt follows. */
  recoveryFailed(cause: unknown): void;
  /** Requests that need other nodes are to be refused from now on. */
  cutOff(): void;
  /** The outage has lasted for `downAfterMs`. */
  down(): void;
  /** The other nodes can be reached again. `wasDown`: `down` was reported. */
  recovered(wasDown: boolean): void;
}

export interface ReachabilityOptions {
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** A shorter outage is not reported to the node: requests that need other nodes are refused meanwhile, pending ones wait. */
  readonly downAfterMs: number;
  /** Pause between two attempts to recover while connected. */
  readonly retryMs: number;
  readonly connection: { readonly isConnected: boolean };
  readonly events: ReachabilityEvents;
}

/** Whether this node can reach the others: lost at once, regained by a recovery that succeeds (G6). */
export class Reachability {
  readonly #options: ReachabilityOptions;
  #state: 'up' | 'cut_off' | 'recovering' | 'over' = 'up';
  /** A recovery opens the lanes before it is complete, and leaves them open when it fails. */
  #isCutOff = false;
  #isDownReported = false;
  /** Counts losses, so that a recovery that the next loss has overtaken changes nothing. */
  #lossCount = 0;
  #cancelDown: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;

  constructor(options: ReachabilityOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  /** Something was lost that this node needs to reach the others. Idempotent; a running recovery becomes void. */
  lost(): void {
    if (this.#state === 'over') return;
    const before = this.#state;
    this.#lossCount++;
    this.#state = 'cut_off';
    this.#cancelRetry?.();
    if (!this.#isCutOff) {
      this.#isCutOff = true;
      this.#options.events.cutOff();
    }
    if (before !== 'up') return;
    this.#cancelDown = this.#options.after(this.#options.downAfterMs, () => {
      this.#isDownReported = true;
      this.#options.events.down();
    });
  }

  /** Starts a recovery if this node is cut off: the connections seem to be there again. */
  recover(): void {
    if (this.#state === 'cut_off') void this.#recover();
  }

  stop(): void {
    this.#state = 'over';
    this.#cancelDown?.();
    this.#cancelRetry?.();
  }

  async #recover(): Promise<void> {
    const { events } = this.#options;
    const loss = this.#lossCount;
    const isCurrent = (): boolean => loss === this.#lossCount && this.#state === 'recovering';
    this.#state = 'recovering';
    this.#isCutOff = false;
    try {
      await events.recover(isCurrent);
    } catch (cause) {
      if (!isCurrent()) return;
      events.recoveryFailed(cause);
      this.#state = 'cut_off';
      this.#retryLater();
      return;
    }
    if (!isCurrent()) return;
    this.#state = 'up';
    this.#cancelDown?.();
    const wasDown = this.#isDownReported;
    this.#isDownReported = false;
    events.recovered(wasDown);
  }

  #retryLater(): void {
    const { after, retryMs, connection } = this.#options;
    this.#cancelRetry = after(retryMs, () => {
      if (connection.isConnected) this.recover();
    });
  }
}
