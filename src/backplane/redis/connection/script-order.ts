import { StoreReplyError } from './store-errors.js';

/** A command for the store. */
interface Asked extends ScriptCommand {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (cause: unknown) => void;
  state: 'waiting' | 'asked' | 'done' | 'missing';
  /** Ends it without repeating it. */
  giveUp: () => void;
  isRepeated: boolean;
}

/** Sends a command. A repeated one has to carry its script with it: the store may have lost the scripts again. */
export type Ask = (isRepeated: boolean) => Promise<unknown>;

export interface ScriptCommand {
  /** The hash tag of its rows. */
  readonly tag: string;
  readonly isRead: boolean;
  /** Sends it on the current connection. */
  readonly ask: Ask;
  /** Sends the script that it needs, there too. */
  readonly load: () => void;
}

/**
 * Repeats commands that the store did not carry out because its scripts were flushed, in the order of the calls. New commands wait
 * meanwhile until all that were sent are answered. A command is repeated once, together with its script, and so is a reading of the
 * same rows that was carried out without it. If the store has carried out a later change of the same rows (another node had loaded
 * the scripts), the earlier command is given up: carried out after it, it would mean something else. Its script is loaded all the
 * same, because the caller may repeat all of these commands, and would fail in the same way each time. A reading between the two
 * keeps its reply.
 */
export class ScriptOrder {
  #asked: Asked[] = [];
  #held: Asked[] = [];
  #isHolding = false;

  run(command: ScriptCommand): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const one: Asked = { ...command, resolve, reject, state: 'waiting', giveUp: NOTHING, isRepeated: false };
      if (this.#isHolding) this.#held.push(one);
      else this.#send(one);
    });
  }

  #send(one: Asked): void {
    one.state = 'asked';
    this.#asked.push(one);
    one.ask(one.isRepeated).then(
      (reply) => {
        if (one.isRead && this.#isHolding && this.#asked.some((earlier) => isMissingFor(earlier, one))) {
          one.state = 'missing';
          one.giveUp = () => one.resolve(reply);
        } else {
          one.state = 'done';
          one.resolve(reply);
        }
        this.#answered();
      },
      (cause: unknown) => {
        if (cause instanceof StoreReplyError && cause.code === 'NOSCRIPT' && !one.isRepeated) {
          one.state = 'missing';
          one.giveUp = () => {
            one.load();
            one.reject(cause);
          };
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
      if (asked.slice(at + 1).some(({ state, tag }) => state === 'done' && tag === one.tag)) one.giveUp();
      else {
        one.isRepeated = true;
        again.push(one);
      }
    }
    for (const one of [...again, ...held]) this.#send(one);
  }
}

const NOTHING = (): void => undefined;

/** Whether a command behind `earlier` should have seen its effect. */
function isMissingFor(earlier: Asked, { tag }: Asked): boolean {
  return earlier.state === 'missing' && earlier.tag === tag;
}
