export interface HoldOptions {
  /** Whether what comes may be heard now. */
  readonly isOpen: () => boolean;
  readonly hear: (channel: string, bytes: Uint8Array) => void;
  /** While it is closed. Beyond them what comes is lost, which shows as a gap. */
  readonly maxMessages: number;
  /** What is heard in one turn of the event loop, in milliseconds; then the rest waits for the next. */
  readonly turnMs: number;
  /** Bytes that wait for another turn. Beyond them a turn hears more, so that Redis is read more slowly and nothing is lost. */
  readonly maxWaitingBytes: number;
  readonly nowMs: () => number;
  /** Runs an action at the end of this turn of the event loop. */
  readonly atEndOfTurn: (action: () => void) => void;
}

/**
 * Holds back what arrives, in order over all channels. While this node does not know whether the others have declared it
 * dead: who wakes from a pause would otherwise act on what was said to somebody who is no more. And when a turn has heard
 * enough, so that what other nodes publish does not keep this node from its clients, its timers and its lease (G11).
 */
export class Hold {
  readonly #options: HoldOptions;
  #held: (readonly [channel: string, bytes: Uint8Array])[] = [];
  #next = 0;
  #heldBytes = 0;
  #usedMs = 0;
  #isArmed = false;
  readonly #endTurn = (): void => {
    this.#isArmed = false;
    this.#usedMs = 0;
    if (this.#options.isOpen()) this.release();
  };

  constructor(options: HoldOptions) {
    this.#options = options;
  }

  receive(channel: string, bytes: Uint8Array): void {
    const { isOpen, maxMessages } = this.#options;
    const isClosed = !isOpen();
    if (isClosed && this.#held.length - this.#next >= maxMessages) return;
    this.#held.push([channel, bytes]);
    this.#heldBytes += bytes.length;
    if (!isClosed) this.release();
  }

  /** Hears what was held back: as much as this turn allows, and the rest in the following ones. */
  release(): void {
    const { turnMs, maxWaitingBytes } = this.#options;
    while (this.#next < this.#held.length) {
      if (this.#usedMs >= turnMs && this.#heldBytes <= maxWaitingBytes) return;
      this.#hearNext();
    }
    this.discard();
  }

  /** Forgets what was held back. */
  discard(): void {
    this.#held = [];
    this.#next = 0;
    this.#heldBytes = 0;
  }

  #hearNext(): void {
    const { hear, nowMs } = this.#options;
    const [channel, bytes] = this.#held[this.#next++] ?? NOTHING;
    // In halves: each message moves at most once, and none that was heard is kept for long.
    if (this.#next * 2 > this.#held.length) {
      this.#held = this.#held.slice(this.#next);
      this.#next = 0;
    }
    this.#heldBytes -= bytes.length;
    if (!this.#isArmed) {
      this.#isArmed = true;
      this.#options.atEndOfTurn(this.#endTurn);
    }
    const startMs = nowMs();
    hear(channel, bytes);
    this.#usedMs += nowMs() - startMs;
  }
}

const NOTHING: readonly [channel: string, bytes: Uint8Array] = ['', new Uint8Array(0)];
