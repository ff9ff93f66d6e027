/** A connection whose socket has not taken everything. */
export interface Backlogged {
  /** As noted last. Only the backlog changes it. */
  backlogBytes: number;
  /** Lets go of what waits, and closes the connection as a slow reader's at the end of the turn. */
  giveUp(): void;
}

/** After the bound was passed, this share of it may stay: otherwise the next write would pass it again. */
const KEPT_SHARE = 0.9;

/** What waits in all connections together for their readers. Past its bound those with the most are given up (G7). */
export class Backlog {
  readonly #maxBytes: number;
  readonly #waiting = new Set<Backlogged>();
  #totalBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** What waits in this connection now. O(1) below the bound. */
  note(member: Backlogged, bytes: number): void {
    this.#totalBytes += bytes - member.backlogBytes;
    member.backlogBytes = bytes;
    if (bytes === 0) this.#waiting.delete(member);
    else this.#waiting.add(member);
    if (this.#totalBytes > this.#maxBytes) this.#relieve();
  }

  #relieve(): void {
    const slowest = [...this.#waiting].sort((one, other) => other.backlogBytes - one.backlogBytes);
    for (const member of slowest) {
      if (this.#totalBytes <= this.#maxBytes * KEPT_SHARE) return;
      // First: to give it up may note it again.
      this.#totalBytes -= member.backlogBytes;
      member.backlogBytes = 0;
      this.#waiting.delete(member);
      member.giveUp();
    }
  }
}
