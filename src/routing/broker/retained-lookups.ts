import type { RequestId } from '../../wamp/ids.js';
import type { Publication } from '../ports.js';
import type { Peer } from '../peer.js';
import { admits } from './audience.js';
import type { SharedSubscription } from './shared-subscription.js';

/** A session that gets the retained event of a subscription, once it is found. */
export interface Lookup<P extends Peer> {
  readonly peer: P;
  readonly subscription: SharedSubscription<P>;
  /** SUBSCRIBEs of a session that was subscribed before, to be answered then. */
  readonly requests: RequestId[];
  /** The last event to be retained that this node has distributed meanwhile, if the session may have it. */
  latest: Publication | undefined;
}

interface PeerLookups<P extends Peer> {
  readonly bySubscription: Map<SharedSubscription<P>, Lookup<P>>;
  requestCount: number;
}

/** Lookups of retained events that are under way. */
export class RetainedLookups<P extends Peer> {
  readonly #byPeer = new Map<P, PeerLookups<P>>();
  readonly #bySubscription = new Map<SharedSubscription<P>, Set<Lookup<P>>>();

  get isEmpty(): boolean {
    return this.#byPeer.size === 0;
  }

  /** SUBSCRIBEs of the session that wait for lookups, without those that wait for their first SUBSCRIBED. */
  requestCount(peer: P): number {
    return this.#byPeer.get(peer)?.requestCount ?? 0;
  }

  find(peer: P, subscription: SharedSubscription<P>): Lookup<P> | undefined {
    return this.#byPeer.get(peer)?.bySubscription.get(subscription);
  }

  /** There must be none for the pair. */
  begin(peer: P, subscription: SharedSubscription<P>): Lookup<P> {
    const lookup: Lookup<P> = { peer, subscription, requests: [], latest: undefined };
    const ofPeer = this.#byPeer.get(peer) ?? { bySubscription: new Map(), requestCount: 0 };
    this.#byPeer.set(peer, ofPeer);
    ofPeer.bySubscription.set(subscription, lookup);
    const ofSubscription = this.#bySubscription.get(subscription) ?? new Set();
    this.#bySubscription.set(subscription, ofSubscription.add(lookup));
    return lookup;
  }

  addRequest(lookup: Lookup<P>, request: RequestId): void {
    lookup.requests.push(request);
    const ofPeer = this.#byPeer.get(lookup.peer);
    if (ofPeer !== undefined) ofPeer.requestCount++;
  }

  /** False: it had ended before. */
  end(lookup: Lookup<P>): boolean {
    const { peer, subscription, requests } = lookup;
    const ofPeer = this.#byPeer.get(peer);
    if (ofPeer?.bySubscription.get(subscription) !== lookup) return false;
    ofPeer.requestCount -= requests.length;
    ofPeer.bySubscription.delete(subscription);
    if (ofPeer.bySubscription.size === 0) this.#byPeer.delete(peer);
    this.#forget(lookup);
    return true;
  }

  dropPeer(peer: P): void {
    const ofPeer = this.#byPeer.get(peer);
    this.#byPeer.delete(peer);
    for (const lookup of ofPeer?.bySubscription.values() ?? []) this.#forget(lookup);
  }

  /** An event that is to be retained reaches the subscription. O(lookups of the subscription). */
  note(publication: Publication, subscription: SharedSubscription<P>): void {
    for (const lookup of this.#bySubscription.get(subscription) ?? [])
      if (admits(publication, lookup.peer)) lookup.latest = publication;
  }

  #forget(lookup: Lookup<P>): void {
    const lookups = this.#bySubscription.get(lookup.subscription);
    lookups?.delete(lookup);
    if (lookups?.size === 0) this.#bySubscription.delete(lookup.subscription);
  }
}
