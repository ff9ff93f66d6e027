/** A connection that has read in this turn. */
export interface TurnReader {
  /** The turn is over. */
  nextTurn(): void;
}

/** Notifies connections when the turn is over in which they have read (G11). */
export class ReadTurns {
  #readers: TurnReader[] = [];
  readonly #run = (): void => {
    const readers = this.#readers;
    this.#readers = [];
    for (const reader of readers) reader.nextTurn();
  };

  /** A reader adds itself at most once per turn. */
  add(reader: TurnReader): void {
    if (this.#readers.length === 0) setImmediate(this.#run);
    this.#readers.push(reader);
  }
}
