import { StoreReplyError } from './store-errors.js';

/** Something asked of the store. */
interface Asked {
  readonly tag: string;
  readonly ask: () => Promise<unknown>;
  readonly load: () => void;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (cause: unknown) => void;
  state: 'waiting' | 'asked' | 'done' | 'missing';
  cause: unknown;
  attemptCount: number;
}

/** Of one command, while somebody flushes the scripts again and again. */
const MAX_ATTEMPTS = 10;

/**
 * Asks again what the store did not do because somebody has flushed its scripts, in the order asked. What comes meanwhile waits until
 * all that was under way is answered. If something later was carried out on the same rows (another node had loaded the scripts), what
 * was not done is given up: behind it, it would mean something else.
 */
export class ScriptOrder {
  #asked: Asked[] = [];
  #held: Asked[] = [];
  #isHolding = false;

  /** `ask` sends the command, `load` the script that it needs, both on the connection of now. `tag`: of the rows it is about. */
  run(tag: string, ask: () => Promise<unknown>, load: () => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const one: Asked = { tag, ask, load, resolve, reject, state: 'waiting', cause: undefined, attemptCount: 0 };
      if (this.#isHolding) this.#held.push(one);
      else this.#send(one);
    });
  }

  #send(one: Asked): void {
    one.state = 'asked';
    one.attemptCount++;
    this.#asked.push(one);
    one.ask().then(
      (reply) => {
        one.state = 'done';
        one.resolve(reply);
        this.#answered();
      },
      (cause: unknown) => {
        if (cause instanceof StoreReplyError && cause.code === 'NOSCRIPT' && one.attemptCount < MAX_ATTEMPTS) {
          one.state = 'missing';
          one.cause = cause;
          this.#isHolding = true;
        } else {
          one.state = 'done';
          one.reject(cause);
        }
        this.#answered();
      },
    );
  }

  #answered(): void {
    if (!this.#isHolding) {
      // Replies come in order.
      while (this.#asked[0]?.state === 'done') this.#asked.shift();
    } else if (!this.#asked.some(({ state }) => state === 'asked')) this.#askAgain();
  }

  #askAgain(): void {
    const [asked, held] = [this.#asked, this.#held];
    this.#asked = [];
    this.#held = [];
    this.#isHolding = false;
    const again: Asked[] = [];
    for (const [at, one] of asked.entries()) {
      if (one.state !== 'missing') continue;
      if (asked.slice(at + 1).some(({ state, tag }) => state === 'done' && tag === one.tag)) one.reject(one.cause);
      else again.push(one);
    }
    for (const one of again) one.load();
    for (const one of [...again, ...held]) this.#send(one);
  }
}
