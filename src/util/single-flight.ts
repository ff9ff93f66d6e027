/** Runs one action at a time. Callers that ask while it runs share the next run. */
export class SingleFlight<Result> {
  readonly #action: () => Promise<Result>;
  #running: Promise<Result> | undefined;
  #next: Promise<Result> | undefined;

  constructor(action: () => Promise<Result>) {
    this.#action = action;
  }

  /** The result of a run that begins now or later: never of one that had begun before. */
  run(): Promise<Result> {
    // Also between two runs: the next one is about to start.
    if (this.#next !== undefined) return this.#next;
    const running = this.#running;
    if (running === undefined) return this.#start();
    const follow = (): Promise<Result> => {
      this.#next = undefined;
      return this.#start();
    };
    this.#next = running.then(follow, follow);
    return this.#next;
  }

  #start(): Promise<Result> {
    const running = this.#action();
    const ended = (): void => {
      this.#running = undefined;
    };
    this.#running = running;
    running.then(ended, ended);
    return running;
  }
}
