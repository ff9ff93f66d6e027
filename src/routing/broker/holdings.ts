import type { Peer } from '../peer.js';
import type { SharedSubscription } from './shared-subscription.js';

/** The position of a session without SUBSCRIBED. */
export const WAITING = -1;

/** The subscriptions of one session, with its position among the receivers of each, so that removal costs O(1). */
export class Holdings<P extends Peer> {
  // Most sessions of a large crowd hold one subscription, and the smallest map takes 200 bytes.
  #only: SharedSubscription<P> | undefined;
  #position = WAITING;
  #positions: Map<SharedSubscription<P>, number> | undefined;
  /** SUBSCRIBEs that repeat one still waiting. */
  repeatCount = 0;

  /** The number that the limit bounds: a repeated request counts while it waits. */
  get load(): number {
    return this.#size + this.repeatCount;
  }

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  /** Undefined: the session neither receives it nor waits for it. */
  position(subscription: SharedSubscription<P>): number | undefined {
    if (this.#positions !== undefined) return this.#positions.get(subscription);
    return this.#only === subscription ? this.#position : undefined;
  }

  put(subscription: SharedSubscription<P>, position: number): void {
    if (this.#positions === undefined && (this.#only === undefined || this.#only === subscription)) {
      this.#only = subscription;
      this.#position = position;
      return;
    }
    if (this.#positions === undefined) {
      this.#positions = new Map(this.entries());
      this.#only = undefined;
    }
    this.#positions.set(subscription, position);
  }

  delete(subscription: SharedSubscription<P>): void {
    if (this.#only === subscription) this.#only = undefined;
    this.#positions?.delete(subscription);
  }

  entries(): Iterable<[subscription: SharedSubscription<P>, position: number]> {
    if (this.#positions !== undefined) return this.#positions;
    return this.#only === undefined ? [] : [[this.#only, this.#position]];
  }

  get #size(): number {
    return this.#positions?.size ?? (this.#only === undefined ? 0 : 1);
  }
}
