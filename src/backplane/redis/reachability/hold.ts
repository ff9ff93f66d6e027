/** Whether this turn of the event loop has time left for messages. Reads the clock. */
export type HasTime = () => boolean;

/** Processes messages, a large one in several parts. */
export interface MessageReceiver {
  /** Processes a message while `hasTime`. False: a part of it is left, for `proceed`. */
  deliver(channel: string, bytes: Uint8Array, hasTime: HasTime): boolean;
  /** Continues with the message of which a part is left. False: a part is left again. */
  proceed(hasTime: HasTime): boolean;
  /** Forgets the part that is left. */
  abandon(): void;
  /** Messages were lost, and those that were kept are processed. */
  lost(): void;
}

export interface HoldOptions {
  /** Whether messages may be processed now. */
  readonly isOpen: () => boolean;
  readonly receiver: MessageReceiver;
  /** Messages that are kept while it is closed. Later ones are lost. */
  readonly maxMessages: number;
  /** Their bytes, and those of one message more. */
  readonly maxBytes: number;
  /** Time that one turn of the event loop spends on messages, in milliseconds; the rest waits for the next turn. */
  readonly turnMs: number;
  /** Bytes that may wait for another turn. Beyond them a turn processes more, so that Redis is read more slowly and nothing is lost. */
  readonly maxWaitingBytes: number;
  readonly nowMs: () => number;
  /** Runs an action at the end of this turn of the event loop. */
  readonly atEndOfTurn: (action: () => void) => void;
}

/**
 * Buffers incoming messages, in order over all channels. It does so while this node's lease is unconfirmed: after a pause the
 * node may already have been reaped, and must not process messages addressed to its old incarnation. And it does so when a
 * turn has processed enough, also in the middle of a message, so that other nodes' publications do not keep this node from its
 * clients, timers and lease (G11).
 */
export class Hold {
  readonly #options: HoldOptions;
  #held: (readonly [channel: string, bytes: Uint8Array])[] = [];
  #next = 0;
  #heldBytes = 0;
  /** A part of the last message is left. */
  #isPartial = false;
  #isProcessing = false;
  #hasLost = false;
  #usedMs = 0;
  /** When the part of a message began that is being processed. */
  #startMs = 0;
  /** When its first part began. */
  #messageStartMs = 0;
  #isArmed = false;
  readonly #endTurn = (): void => {
    this.#isArmed = false;
    this.#usedMs = 0;
    if (this.#options.isOpen()) this.release();
  };
  readonly #hasTime = (): boolean => {
    const nowMs = this.#options.nowMs();
    return this.#hasShare(this.#usedMs + nowMs - this.#startMs, nowMs);
  };

  constructor(options: HoldOptions) {
    this.#options = options;
  }

  receive(channel: string, bytes: Uint8Array): void {
    const { isOpen, maxMessages, maxBytes } = this.#options;
    const isClosed = !isOpen();
    const isFull = this.#held.length - this.#next >= maxMessages || this.#heldBytes >= maxBytes;
    if (isClosed && isFull) {
      this.#hasLost = true;
      return;
    }
    this.#held.push([channel, bytes]);
    this.#heldBytes += bytes.length;
    if (!isClosed) this.release();
  }

  /** Processes what is buffered: as much as this turn allows, and the rest in the following ones. */
  release(): void {
    // The receiver of a message may call this method.
    if (this.#isProcessing) return;
    while (this.#isPartial || this.#next < this.#held.length) {
      if (!this.#hasShare(this.#usedMs, this.#options.nowMs())) return;
      this.#process();
    }
    const hasLost = this.#hasLost;
    this.discard();
    if (hasLost) this.#options.receiver.lost();
  }

  discard(): void {
    if (this.#isPartial) this.#options.receiver.abandon();
    this.#isPartial = false;
    this.#hasLost = false;
    this.#held = [];
    this.#next = 0;
    this.#heldBytes = 0;
  }

  #hasShare(usedMs: number, nowMs: number): boolean {
    const { turnMs, maxWaitingBytes } = this.#options;
    // The own probe waits behind a long message, and must come in time however busy the turns are.
    const overdueMs = this.#isPartial ? Math.max(0, nowMs - this.#messageStartMs - PATIENCE_MS) : 0;
    return usedMs < turnMs + overdueMs * OVERDUE_SHARE || this.#heldBytes > maxWaitingBytes;
  }

  #process(): void {
    const { receiver, nowMs, atEndOfTurn } = this.#options;
    if (!this.#isArmed) {
      this.#isArmed = true;
      atEndOfTurn(this.#endTurn);
    }
    this.#startMs = nowMs();
    this.#isProcessing = true;
    if (this.#isPartial) this.#isPartial = !receiver.proceed(this.#hasTime);
    else {
      this.#messageStartMs = this.#startMs;
      const [channel, bytes] = this.#take();
      this.#isPartial = !receiver.deliver(channel, bytes, this.#hasTime);
    }
    this.#isProcessing = false;
    this.#usedMs += nowMs() - this.#startMs;
  }

  #take(): readonly [channel: string, bytes: Uint8Array] {
    const [channel, bytes] = this.#held[this.#next++] ?? NOTHING;
    // In halves: each message moves at most once, and no processed one is kept for long.
    if (this.#next * 2 > this.#held.length) {
      this.#held = this.#held.slice(this.#next);
      this.#next = 0;
    }
    this.#heldBytes -= bytes.length;
    return [channel, bytes];
  }
}

/** A message that has not ended after this time gets more of each turn, for each millisecond that it lasts longer. */
const PATIENCE_MS = 500;
const OVERDUE_SHARE = 0.05;

const NOTHING: readonly [channel: string, bytes: Uint8Array] = ['', new Uint8Array(0)];
