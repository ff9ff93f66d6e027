/** A connection as the guard sees it. */
export interface GuardedConnection {
  /** Looks in a row at which it had received no whole message. The guard adds, the connection sets it to 0. */
  quietChecks: number;
  /** Ends it at once, with what the library keeps for it. */
  cut(): void;
}

export interface MemoryGuardOptions {
  /** Memory of the process above which nobody is accepted. */
  readonly maxBytes: number;
  /** Memory of the process now. */
  readonly usedBytes: () => number;
  /** What one connection can hold that nobody sees: a message whose end has not arrived. */
  readonly maxUnfinishedBytes: number;
  /** In the order in which they were opened. */
  readonly connections: Iterable<GuardedConnection>;
  /** Memory has become short, or is no longer. */
  readonly onChange: (isShort: boolean) => void;
}

/** How often to look. */
export const CHECK_MS = 100;
/** Of `maxBytes`: above it the guard looks who sends whole messages, so that it knows when it must. */
const WATCH_SHARE = 0.75;
/** Of `maxBytes`: below it clients are accepted again. */
const ENOUGH_SHARE = 0.95;
/** Of `maxBytes`: above it connections are closed. */
const SHED_SHARE = 1.1;
/** Whoever sends whole messages is not suspected of keeping one unfinished. */
export const QUIET_CHECKS = 10;

/**
 * The last fence, for what cannot be counted: uWebSockets.js keeps a message until its end has arrived, and does not show
 * that there is one. When the process uses more memory than it may, nobody is accepted; when it goes on growing, those
 * connections that have sent no whole message for a second are cut, the newest first, as many as could hold the excess.
 * Among them are innocent ones, and they may connect again; without it the operating system ends all of them.
 */
export class MemoryGuard {
  readonly #options: MemoryGuardOptions;
  #isShort = false;
  #mayBeShort = false;
  #highestBytes = 0;

  constructor(options: MemoryGuardOptions) {
    this.#options = options;
  }

  /** Nobody may be accepted. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** Every CHECK_MS. O(1) while there is enough, else O(connections). */
  check(): void {
    const { maxBytes, usedBytes, onChange } = this.#options;
    const used = usedBytes();
    const isShort = used > (this.#isShort ? maxBytes * ENOUGH_SHARE : maxBytes);
    if (isShort !== this.#isShort) {
      this.#isShort = isShort;
      this.#highestBytes = maxBytes * SHED_SHARE;
      onChange(isShort);
    }
    const mayBeShort = used > maxBytes * WATCH_SHARE;
    if (mayBeShort) this.#countQuiet(this.#mayBeShort);
    this.#mayBeShort = mayBeShort;
    // Memory that was let go may come back late: only growth beyond what was seen says that there is more to cut.
    if (isShort && used > this.#highestBytes) this.#shed(used);
  }

  #countQuiet(hasCounted: boolean): void {
    for (const connection of this.#options.connections) {
      if (hasCounted) connection.quietChecks++;
      else connection.quietChecks = 0;
    }
  }

  #shed(used: number): void {
    const { maxBytes, maxUnfinishedBytes } = this.#options;
    const quiet: GuardedConnection[] = [];
    for (const connection of this.#options.connections)
      if (connection.quietChecks >= QUIET_CHECKS) quiet.push(connection);
    const count = Math.ceil((used - maxBytes) / maxUnfinishedBytes);
    for (const connection of quiet.slice(-count)) connection.cut();
    if (quiet.length > 0) this.#highestBytes = used;
  }
}
