const MS_PER_SECOND = 1_000;

/** Token bucket: `perSecond` messages at once, then `perSecond` each second. */
export class MessageRate {
  readonly #perSecond: number;
  #tokens: number;
  #filledMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#filledMs = nowMs;
  }

  /** False: this message is one too many. */
  take(nowMs: number): boolean {
    const refill = ((nowMs - this.#filledMs) * this.#perSecond) / MS_PER_SECOND;
    this.#tokens = Math.min(this.#perSecond, this.#tokens + refill);
    this.#filledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
