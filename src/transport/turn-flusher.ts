/** A member with work for the end of the turn. */
export interface EndOfTurn {
  /**
   * Does a bounded part of the work. Returns its cost in bytes: those sent, and SYSTEM_CALL_BYTES for each system call.
   */
  flush(): number;
}

/** A system call costs about as much as this many bytes more in one. */
export const SYSTEM_CALL_BYTES = 8_192;

/** A turn sends about this much: 10 to 20 ms, even when all of it is small writes. */
export const TURN_BYTES = 16_777_216;

/**
 * Runs each member once at the end of the event loop's turn, in the order of `add`, after everything that arrived in
 * the turn was handled. Members added during a flush run in the next turn. A flush that costs more than TURN_BYTES
 * continues in the next turn where it stopped. While members add more than is sent, turns get longer, so that no reader
 * is closed for what the router itself holds back.
 */
export class TurnFlusher<Member extends EndOfTurn = EndOfTurn> {
  /** Bytes that all members have queued. The members keep it up to date. */
  queuedBytes = 0;
  readonly #due: Member[] = [];
  #next = 0;
  #isArmed = false;
  #turnBytes = TURN_BYTES;
  #leftBytes = 0;
  readonly #run = (): void => {
    this.#isArmed = false;
    this.#flushSome();
  };

  /** Adds a member, which adds itself at most once until it is flushed. */
  add(member: Member): void {
    this.#due.push(member);
    this.#arm();
  }

  /** The members that wait for their flush. */
  due(): readonly Member[] {
    return this.#next === 0 ? this.#due : this.#due.slice(this.#next);
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(this.#run);
  }

  /** Flushes what was added so far now. */
  flush(): void {
    if (this.#due.length > this.#next) this.#flushSome();
  }

  #flushSome(): void {
    const due = this.#due;
    const end = due.length;
    let leftBytes = this.#turnBytes;
    while (this.#next < end && leftBytes > 0) leftBytes -= due[this.#next++]?.flush() ?? 0;
    // Releases flushed members in halves, so that each moves at most once.
    if (this.#next * 2 >= due.length) {
      if (this.#next === due.length) due.length = 0;
      else due.splice(0, this.#next);
      this.#next = 0;
    }
    if (due.length > 0) this.#arm();
    this.#adapt();
  }

  #adapt(): void {
    const leftBytes = this.queuedBytes + (this.#due.length - this.#next) * SYSTEM_CALL_BYTES;
    if (this.#due.length === 0) this.#turnBytes = TURN_BYTES;
    else if (leftBytes > this.#leftBytes && this.#turnBytes < Number.MAX_SAFE_INTEGER / 2) this.#turnBytes *= 2;
    this.#leftBytes = this.#due.length === 0 ? 0 : leftBytes;
  }
}
