/**
 * The bytes of messages that one node keeps while they wait, all sessions and realms together: events and calls that wait
 * for a SUBSCRIBE or REGISTER of their own session (G10), and calls that may still go to another callee (RRT-3).
 */
export class HeldTotal {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  hasRoom(bytes: number): boolean {
    return this.#bytes + bytes <= this.#maxBytes;
  }

  /** To be called only after `hasRoom`. */
  take(bytes: number): void {
    this.#bytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}
