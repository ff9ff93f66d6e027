/** A step for the store. */
export interface Write {
  /** Share of what may be under way at once. */
  readonly cost: number;
  /** Sends it and handles the reply. Never rejects. */
  run(): Promise<void>;
}

/** Cost of writes under way at most: enough to hide the round trip to the store, too little to delay other nodes there. */
const MAX_COST = 64;

/** Writes of one node in one realm, sent in order: the store executes commands in the order sent. */
export class WriteQueue<W extends Write> {
  readonly #schedule: (flush: () => void) => void;
  #queue: W[] = [];
  #head = 0;
  #cost = 0;
  #underWayCount = 0;
  #isPaused = true;
  #isScheduled = false;
  #drained: (() => void)[] = [];

  /** Paused until `resume`. */
  constructor(schedule: (flush: () => void) => void) {
    this.#schedule = schedule;
  }

  get size(): number {
    return this.#queue.length - this.#head;
  }

  /** The last one, while it may still be added to. */
  get last(): W | undefined {
    return this.size === 0 ? undefined : this.#queue.at(-1);
  }

  push(write: W): void {
    this.#queue.push(write);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#schedule(() => {
      this.#isScheduled = false;
      this.#send();
    });
  }

  /** Puts writes first that were sent before and are to be sent again. Only while paused. */
  putBack(writes: readonly W[]): void {
    this.#queue = [...writes, ...this.takeAll()];
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#send();
  }

  /** Resolves when nothing is under way. */
  drained(): Promise<void> {
    return this.#underWayCount === 0 ? Promise.resolve() : new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Removes and returns the writes that were not sent. */
  takeAll(): W[] {
    const left = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    return left;
  }

  #send(): void {
    while (!this.#isPaused && this.#cost < MAX_COST) {
      const write = this.#queue[this.#head];
      if (write === undefined) break;
      this.#head++;
      this.#cost += write.cost;
      this.#underWayCount++;
      void write.run().finally(() => this.#arrived(write));
    }
    if (this.#head * 2 <= this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }

  #arrived({ cost }: W): void {
    this.#cost -= cost;
    this.#underWayCount--;
    this.#send();
    if (this.#underWayCount > 0) return;
    const drained = this.#drained;
    this.#drained = [];
    for (const resolve of drained) resolve();
  }
}
