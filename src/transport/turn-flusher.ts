/** Something that has work for the end of the turn. */
export interface EndOfTurn {
  flush(): void;
}

/**
 * Runs each member once at the end of the event loop's turn, in the order they were added: after everything that
 * arrived in the turn was handled. What is added during a flush runs in the next turn.
 */
export class TurnFlusher {
  #due: EndOfTurn[] = [];
  #flushing: EndOfTurn[] = [];
  #isArmed = false;
  readonly #run = (): void => this.#flushAll();

  /** The caller adds itself at most once per turn. */
  add(member: EndOfTurn): void {
    this.#due.push(member);
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(this.#run);
  }

  #flushAll(): void {
    const due = this.#due;
    this.#due = this.#flushing;
    this.#flushing = due;
    this.#isArmed = false;
    for (const member of due) member.flush();
    due.length = 0;
  }
}
