/** Runs so many actions at a time. Others wait in turn, up to a bound. */
export class ConcurrencyLimiter {
  readonly #max: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #count = 0;

  constructor(max: number, maxWaiting: number) {
    this.#max = max;
    this.#maxWaiting = maxWaiting;
  }

  /** The result of the action, which begins now or later. Undefined: too many wait, and it does not begin. */
  async run<Result>(action: () => Promise<Result>): Promise<Result | undefined> {
    if (this.#count < this.#max) this.#count++;
    else if (this.#waiting.length >= this.#maxWaiting) return undefined;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await action();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#count--;
      else next();
    }
  }
}
