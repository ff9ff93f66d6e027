/** A connection as the guard sees it. */
export interface GuardedConnection {
  /** Consecutive checks without a complete message. The guard counts, the connection resets to 0. */
  quietChecks: number;
  /** Ends the connection at once, and frees what the library keeps for it. */
  cut(): void;
}

export interface MemoryGuardOptions {
  /** Memory of the process above which no client is accepted. */
  readonly maxBytes: number;
  /** Current memory of the process. */
  readonly usedBytes: () => number;
  /** Bytes that one connection can hold unseen: a message whose end has not arrived. */
  readonly maxUnfinishedBytes: number;
  /** In the order in which they were opened. */
  readonly connections: Iterable<GuardedConnection>;
  /** Called when memory becomes short, and when it no longer is. */
  readonly onChange: (isShort: boolean) => void;
}

/** Interval of the checks. */
export const CHECK_MS = 100;
/** Share of `maxBytes` above which the guard notes which connections send complete messages. */
const WATCH_SHARE = 0.75;
/** Share of `maxBytes` below which clients are accepted again. */
const ENOUGH_SHARE = 0.95;
/** Share of `maxBytes` above which connections are closed. */
const SHED_SHARE = 1.1;
/** After this many checks without a complete message a connection may be holding an unfinished one. */
export const QUIET_CHECKS = 10;

/**
 * The last resort against memory that cannot be counted: uWebSockets.js keeps a message until its end has arrived, and
 * does not show that there is one. When the process uses more memory than it may, the guard accepts no client. When
 * memory grows further, it cuts those connections that have sent no complete message for a second, the newest first, as
 * many as could hold the excess. Among them are innocent ones, which may connect again; without the guard the operating
 * system would end all of them.
 */
export class MemoryGuard {
  readonly #options: MemoryGuardOptions;
  #isShort = false;
  #mayBeShort = false;
  #highestBytes = 0;

  constructor(options: MemoryGuardOptions) {
    this.#options = options;
  }

  /** No client may be accepted. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** To be called every CHECK_MS. O(1) while there is enough memory, else O(connections). */
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
    // Freed memory may return late: only growth beyond the last maximum shows that more must be cut.
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
