import type { HeldTotal } from '../held-total.js';
import type { Publication } from '../ports.js';
import type { Peer } from '../peer.js';
import type { SharedSubscription } from './shared-subscription.js';

/** Bounds of the messages that wait for one session. A single message may wait however large it is. */
export interface HeldLimits {
  readonly maxHeldMessages: number;
  readonly maxHeldBytes: number;
}

/** One EVENT for its own publisher. */
export interface OwnEvent<P extends Peer> {
  readonly publication: Publication;
  readonly subscription: SharedSubscription<P>;
}

interface Queue<P extends Peer> {
  events: OwnEvent<P>[];
  head: number;
  bytes: number;
}

/**
 * Events that sessions published to themselves while they waited for a SUBSCRIBED (G10), in the order of publication
 * (ORD-1). Bounded per session, and nearly always empty.
 */
export class OwnEvents<P extends Peer> {
  readonly #limits: HeldLimits;
  readonly #total: HeldTotal;
  readonly #queues = new Map<P, Queue<P>>();

  constructor(limits: HeldLimits, total: HeldTotal) {
    this.#limits = limits;
    this.#total = total;
  }

  isHolding(peer: P): boolean {
    return this.#queues.has(peer);
  }

  /** False: a bound is reached and the event was not added. */
  push(peer: P, event: OwnEvent<P>): boolean {
    const { byteLength } = event.publication.payload;
    const { maxHeldMessages, maxHeldBytes } = this.#limits;
    if (!this.#total.hasRoom(byteLength)) return false;
    const queue = this.#queues.get(peer);
    if (queue === undefined) {
      this.#total.take(byteLength);
      this.#queues.set(peer, { events: [event], head: 0, bytes: byteLength });
      return true;
    }
    if (queue.events.length - queue.head >= maxHeldMessages || queue.bytes + byteLength > maxHeldBytes) return false;
    this.#total.take(byteLength);
    queue.events.push(event);
    queue.bytes += byteLength;
    return true;
  }

  first(peer: P): OwnEvent<P> | undefined {
    const queue = this.#queues.get(peer);
    return queue?.events[queue.head];
  }

  /** Removes the event that `first` returned. O(1) amortized. */
  shift(peer: P): void {
    const queue = this.#queues.get(peer);
    const event = queue?.events[queue.head];
    if (queue === undefined || event === undefined) return;
    const { byteLength } = event.publication.payload;
    this.#total.giveBack(byteLength);
    queue.bytes -= byteLength;
    queue.head++;
    if (queue.head === queue.events.length) this.#queues.delete(peer);
    // Releases in halves: each event moves at most once, and no delivered event is kept for long.
    else if (queue.head * 2 >= queue.events.length) {
      queue.events = queue.events.slice(queue.head);
      queue.head = 0;
    }
  }

  /** Does an event of this subscription wait? O(held by this session). */
  isHoldingOf(peer: P, subscription: SharedSubscription<P>): boolean {
    const queue = this.#queues.get(peer);
    return queue?.events.slice(queue.head).some((event) => event.subscription === subscription) ?? false;
  }

  /** Removes and returns, in order, the events of subscriptions that `isReady` accepts. O(events of this session). */
  takeReady(peer: P, isReady: (subscription: SharedSubscription<P>) => boolean): OwnEvent<P>[] {
    const queue = this.#queues.get(peer);
    if (queue === undefined) return [];
    const ready: OwnEvent<P>[] = [];
    const events: OwnEvent<P>[] = [];
    let bytes = 0;
    for (const event of queue.events.slice(queue.head)) {
      if (isReady(event.subscription)) ready.push(event);
      else {
        events.push(event);
        bytes += event.publication.payload.byteLength;
      }
    }
    this.#total.giveBack(queue.bytes - bytes);
    if (events.length === 0) this.#queues.delete(peer);
    else this.#queues.set(peer, { events, head: 0, bytes });
    return ready;
  }

  dropPeer(peer: P): void {
    this.#total.giveBack(this.#queues.get(peer)?.bytes ?? 0);
    this.#queues.delete(peer);
  }
}
