import type { Uri } from '../../wamp/ids.js';
import type { Publication, RetainMark } from '../ports.js';
import type { Peer } from '../peer.js';
import type { SharedSubscription } from './shared-subscription.js';

interface Replay extends RetainMark {
  readonly topic: Uri;
}

/** Replays by subscription and session. */
type BySession<P extends Peer> = Map<SharedSubscription<P>, Map<P, Replay[]>>;

/** Time for which an event may be on its way from another node, and more. Each replay is remembered for once to twice as long. */
const REMEMBER_MS = 30_000;
/** Beyond it the older half is forgotten. */
const MAX_REMEMBERED = 65_536;

/**
 * Retained events that sessions got from the store a short time ago. The same event, and those that its node retained
 * before it, may still be on their way to this node. The session must not get them behind it.
 */
export class Replays<P extends Peer> {
  readonly #after: (delayMs: number, action: () => void) => () => void;
  #newer: BySession<P> = new Map();
  #older: BySession<P> = new Map();
  #newerCount = 0;

  constructor(after: (delayMs: number, action: () => void) => () => void) {
    this.#after = after;
  }

  add({ topic, retain }: Publication, subscription: SharedSubscription<P>, peer: P): void {
    if (retain === undefined) return;
    if (this.#newer.size === 0 && this.#older.size === 0) this.#after(REMEMBER_MS, () => this.#age());
    if (this.#newerCount >= MAX_REMEMBERED / 2) this.#shift();
    const bySession = this.#newer.get(subscription) ?? new Map<P, Replay[]>();
    const replays = bySession.get(peer) ?? [];
    replays.push({ ...retain, topic });
    this.#newer.set(subscription, bySession.set(peer, replays));
    this.#newerCount++;
  }

  /** Whether a session of the subscription got an event so. */
  concerns(subscription: SharedSubscription<P>): boolean {
    return this.#newer.has(subscription) || this.#older.has(subscription);
  }

  /** Whether the session got this event so, or a later one of the same topic and node. */
  covers({ topic, retain }: Publication, subscription: SharedSubscription<P>, peer: P): boolean {
    if (retain === undefined) return false;
    return [this.#newer, this.#older].some(
      (all) =>
        all
          .get(subscription)
          ?.get(peer)
          ?.some((one) => one.topic === topic && one.node === retain.node && one.number >= retain.number) === true,
    );
  }

  #age(): void {
    this.#shift();
    if (this.#older.size > 0) this.#after(REMEMBER_MS, () => this.#age());
  }

  #shift(): void {
    this.#older = this.#newer;
    this.#newer = new Map();
    this.#newerCount = 0;
  }
}
