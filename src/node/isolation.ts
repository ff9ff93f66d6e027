import type { Standing } from '../backplane/backplane.js';

/** The treatment of the clients of a node that may have been declared dead and cannot ask (ADR 24). */
export type IsolatedPolicy = 'serve' | 'pause' | 'close';

export interface IsolationOptions {
  readonly policy: IsolatedPolicy;
  readonly standing: () => Standing;
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** Called when isolation begins, for the log. */
  readonly began: () => void;
  /** Closes every session. */
  readonly close: () => void;
}

const LOOK_MS = 100;

/**
 * Decides whether clients are served, by what the node knows of its own lease. A node that wakes from a pause handles
 * nothing before it knows that it is alive: its callees may have lost their procedures.
 */
export class Isolation {
  readonly #options: IsolationOptions;
  /** Stops the periodic check, while it runs. */
  #cancelLook: (() => void) | undefined;
  #hasBegun = false;
  #areClosed = false;
  #isOver = false;

  constructor(options: IsolationOptions) {
    this.#options = options;
  }

  /** Whether messages of clients must wait. Called once a turn. */
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

  /** Other nodes cannot be reached: checks from now on whether this node is isolated. */
  lost(): void {
    if (this.#cancelLook === undefined) this.#look();
  }

  regained(): void {
    this.#stopLooking();
    this.#hasBegun = false;
    this.#areClosed = false;
  }

  /** All sessions have been closed: their answers are handled again. */
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
