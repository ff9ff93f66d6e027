import { StoreReplyError } from './store-errors.js';

/** A command for the store. */
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

/** Attempts for one command, while the scripts of the store are flushed again and again. */
const MAX_ATTEMPTS = 10;

/**
 * Repeats commands that the store did not carry out because its scripts were flushed, in the order of the calls. New commands wait
 * meanwhile until all that were sent are answered. If the store has carried out a later command on the same rows (another node had
 * loaded the scripts), the earlier one is given up: carried out after it, it would mean something else. Its script is loaded all the
 * same, because the caller may repeat all of these commands, and would fail in the same way each time.
 */
export class ScriptOrder {
  #asked: Asked[] = [];
  #held: Asked[] = [];
  #isHolding = false;

  /** `ask` sends the command, `load` the script that it needs, both on the current connection. `tag`: the hash tag of its rows. */
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
      one.load();
      if (asked.slice(at + 1).some(({ state, tag }) => state === 'done' && tag === one.tag)) one.reject(one.cause);
      else again.push(one);
    }
    for (const one of [...again, ...held]) this.#send(one);
  }
}
