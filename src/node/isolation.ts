import type { Standing } from '../backplane/backplane.js';

/** What becomes of the clients of a node that may have been declared dead and has nobody to ask. ADR 24. */
export type IsolatedPolicy = 'serve' | 'pause' | 'close';

export interface IsolationOptions {
  readonly policy: IsolatedPolicy;
  readonly standing: () => Standing;
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** It began, so that somebody may be told. */
  readonly began: () => void;
  /** Sends every session away. */
  readonly close: () => void;
}

const LOOK_MS = 100;

/**
 * Whether clients are served, by what the node knows of its own life. Who wakes from a pause handles nothing before it knows:
 * its callees may belong to others by now.
 */
export class Isolation {
  readonly #options: IsolationOptions;
  /** Ends the looking, while it looks. */
  #cancelLook: (() => void) | undefined;
  #hasBegun = false;
  #areClosed = false;
  #isOver = false;

  constructor(options: IsolationOptions) {
    this.#options = options;
  }

  /** Asked once a turn: nothing of a client may be handled now. */
  isHeld(): boolean {
    if (this.#isOver) return false;
    switch (this.#options.standing()) {
      case 'certain':
        return false;
      case 'isolated':
        return this.#options.policy !== 'serve' && !this.#areClosed;
      case 'unknown':
      case 'over':
        return true;
    }
  }

  /** Other nodes cannot be reached: from now on it looks whether it is isolated. */
  lost(): void {
    if (this.#cancelLook === undefined) this.#look();
  }

  regained(): void {
    this.#stopLooking();
    this.#hasBegun = false;
    this.#areClosed = false;
  }

  /** All sessions have been sent away: what they answer is heard. */
  end(): void {
    this.#isOver = true;
    this.#stopLooking();
  }

  #stopLooking(): void {
    this.#cancelLook?.();
    this.#cancelLook = undefined;
  }

  #look(): void {
    const { standing, policy, after, began, close } = this.#options;
    if (standing() === 'isolated' && !this.#hasBegun) {
      this.#hasBegun = true;
      began();
      if (policy === 'close') {
        close();
        this.#areClosed = true;
      }
    }
    if (!this.#isOver) this.#cancelLook = after(LOOK_MS, () => this.#look());
  }
}
