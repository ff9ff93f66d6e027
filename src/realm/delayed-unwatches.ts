import type { SessionId, Uri } from '../wamp/ids.js';
import type { MatchPolicy } from '../wamp/options.js';

interface Unwatch {
  readonly topic: Uri;
  readonly match: MatchPolicy;
  readonly leaver: SessionId | undefined;
}

type Hold = Map<string, Unwatch>;

/**
 * Topics that this node wants no more, each until the backplane has accepted what this node has published before. A topic that is
 * wanted again meanwhile never ended.
 */
export class DelayedUnwatches {
  readonly #carryOut: (unwatch: Unwatch) => void;
  readonly #holdOf = new Map<string, Hold>();
  /** Lanes keep the order, so that the last of several publications is accepted last. */
  #last: Hold | undefined;

  constructor(carryOut: (unwatch: Unwatch) => void) {
    this.#carryOut = carryOut;
  }

  /** Unwatches that follow wait until the returned function is called. */
  hold(): () => void {
    const hold: Hold = new Map();
    this.#last = hold;
    return () => {
      if (this.#last === hold) this.#last = undefined;
      for (const [key, unwatch] of hold) {
        this.#holdOf.delete(key);
        this.#carryOut(unwatch);
      }
    };
  }

  add(unwatch: Unwatch): void {
    if (this.#last === undefined) {
      this.#carryOut(unwatch);
      return;
    }
    const key = keyOf(unwatch.topic, unwatch.match);
    this.#last.set(key, unwatch);
    this.#holdOf.set(key, this.#last);
  }

  cancel(topic: Uri, match: MatchPolicy): void {
    if (this.#holdOf.size === 0) return;
    const key = keyOf(topic, match);
    this.#holdOf.get(key)?.delete(key);
    this.#holdOf.delete(key);
  }
}

function keyOf(topic: Uri, match: MatchPolicy): string {
  return `${match} ${topic}`;
}
