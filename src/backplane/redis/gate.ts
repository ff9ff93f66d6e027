export interface GateOptions {
  /** Whether what comes may be heard now. */
  readonly isOpen: () => boolean;
  readonly hear: (channel: string, bytes: Uint8Array) => void;
  /** Beyond them what comes is lost, which shows as a gap. */
  readonly maxMessages: number;
}

/**
 * Holds back what arrives while this node does not know whether the others have declared it dead: who wakes from a pause
 * would otherwise act on what was said to somebody who is no more. In order.
 */
export class Gate {
  readonly #options: GateOptions;
  #held: (readonly [channel: string, bytes: Uint8Array])[] = [];

  constructor(options: GateOptions) {
    this.#options = options;
  }

  receive(channel: string, bytes: Uint8Array): void {
    const { isOpen, hear, maxMessages } = this.#options;
    if (isOpen()) {
      this.release();
      hear(channel, bytes);
    } else if (this.#held.length < maxMessages) this.#held.push([channel, bytes]);
  }

  /** Hears what was held back. */
  release(): void {
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    for (const [channel, bytes] of held) this.#options.hear(channel, bytes);
  }

  /** Forgets what was held back. */
  discard(): void {
    this.#held = [];
  }
}
