/** Messages of one session that wait while an earlier one is being decided, in order (5.9 item 2). Bounded. */
export class Inbox {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #messages: Uint8Array[] = [];
  #head = 0;
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  /** False: a bound is reached and nothing was added. */
  push(message: Uint8Array): boolean {
    if (this.#messages.length - this.#head >= this.#maxMessages) return false;
    if (this.#bytes + message.length > this.#maxBytes) return false;
    this.#messages.push(message);
    this.#bytes += message.length;
    return true;
  }

  shift(): Uint8Array | undefined {
    const message = this.#messages[this.#head];
    if (message === undefined) return undefined;
    this.#head++;
    this.#bytes -= message.length;
    // Dropped in halves: each message moves at most once, and none that was taken is kept for long.
    if (this.#head * 2 >= this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    }
    return message;
  }

  clear(): void {
    this.#messages = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}
