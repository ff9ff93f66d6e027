import type { RequestId, SessionId, SubscriptionId, Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import { deriveId } from '../derived-id.js';
import { NumberTable, type HashSeed } from '../number-table.js';
import { PatternIndex } from '../pattern-index.js';
import type { Publication } from '../ports.js';
import type { Peer } from '../peer.js';
import { Holdings, WAITING } from './holdings.js';
import { SharedSubscription } from './shared-subscription.js';

type Visit<P extends Peer> = (publication: Publication, subscription: SharedSubscription<P>) => void;

/** The subscriptions of this node's sessions. Plain tables without side effects. Every change is O(1). */
export class SubscriptionTable<P extends Peer> {
  readonly #realm: Uri;
  readonly #derive: typeof deriveId;
  readonly #index = new PatternIndex<SharedSubscription<P>>();
  // Not a Map: a client can search for topics whose derived ids share a bucket of a Map.
  readonly #byId: NumberTable<SharedSubscription<P>>;
  readonly #holdings = new Map<P, Holdings<P>>();
  #receiverCount = 0;
  #waitingCount = 0;
  /** The receivers that a delivery iterates over right now. */
  #iterated: readonly P[] | undefined;

  constructor(realm: Uri, hashSeed: HashSeed, derive = deriveId) {
    this.#realm = realm;
    this.#derive = derive;
    this.#byId = new NumberTable(hashSeed);
  }

  get subscriptionCount(): number {
    return this.#byId.size;
  }

  /** Pairs of session and subscription. */
  get receiverCount(): number {
    return this.#receiverCount;
  }

  get subscriberCount(): number {
    return this.#holdings.size;
  }

  /** Pairs of session and subscription without SUBSCRIBED so far. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  find(topic: Uri, match: MatchPolicy): SharedSubscription<P> | undefined {
    return this.#index.get(topic, match);
  }

  byId(id: SubscriptionId): SharedSubscription<P> | undefined {
    return this.#byId.get(id);
  }

  /** O(subscriptions). */
  get all(): readonly SharedSubscription<P>[] {
    return this.#byId.values();
  }

  /** The subscription of that id, if this session receives it. */
  held(peer: P, id: SubscriptionId): SharedSubscription<P> | undefined {
    const subscription = this.#byId.get(id);
    return subscription !== undefined && this.isReceiver(peer, subscription) ? subscription : undefined;
  }

  /** The subscriptions that the session receives. O(subscribers of this node + its subscriptions). */
  receivedBy(session: SessionId): readonly SharedSubscription<P>[] {
    const received: SharedSubscription<P>[] = [];
    for (const [peer, holdings] of this.#holdings) {
      if (peer.session !== session) continue;
      for (const [subscription, position] of holdings.entries()) if (position !== WAITING) received.push(subscription);
    }
    return received;
  }

  isReceiver(peer: P, subscription: SharedSubscription<P>): boolean {
    return (this.#holdings.get(peer)?.position(subscription) ?? WAITING) !== WAITING;
  }

  isWaiting(peer: P, subscription: SharedSubscription<P>): boolean {
    return subscription.waiting?.has(peer) === true;
  }

  /** The number that counts against the session's limit. */
  load(peer: P): number {
    return this.#holdings.get(peer)?.load ?? 0;
  }

  open(topic: Uri, match: MatchPolicy): SharedSubscription<P> {
    const subscription = new SharedSubscription<P>(this.#freeId(topic, match), topic, match);
    this.#index.add(topic, match, subscription);
    this.#byId.set(subscription.id, subscription);
    return subscription;
  }

  close(subscription: SharedSubscription<P>): void {
    this.#index.remove(subscription.topic, subscription.match);
    this.#byId.delete(subscription.id);
  }

  wait(peer: P, subscription: SharedSubscription<P>, request: RequestId): void {
    const holdings = this.#holdingsOf(peer);
    subscription.waiting ??= new Map();
    const requests = subscription.waiting.get(peer);
    if (requests === undefined) {
      subscription.waiting.set(peer, [request]);
      holdings.put(subscription, WAITING);
      this.#waitingCount++;
    } else {
      requests.push(request);
      holdings.repeatCount++;
    }
  }

  /**
   * Removes a session from the waiting list and returns its requests. `addReceiver` or `release` must follow: until
   * then the session counts as holding the subscription.
   */
  stopWaiting(peer: P, subscription: SharedSubscription<P>): readonly RequestId[] {
    const requests = subscription.waiting?.get(peer) ?? [];
    if (subscription.waiting?.delete(peer) === true) this.#waitingCount--;
    if (subscription.waiting?.size === 0) subscription.waiting = undefined;
    const holdings = this.#holdings.get(peer);
    if (holdings !== undefined) holdings.repeatCount -= requests.length - 1;
    return requests;
  }

  /** The session no longer holds the subscription in any way. */
  release(peer: P, subscription: SharedSubscription<P>): void {
    const holdings = this.#holdings.get(peer);
    const position = holdings?.position(subscription);
    if (holdings === undefined || position === undefined) return;
    holdings.delete(subscription);
    if (holdings.isEmpty) this.#holdings.delete(peer);
    if (position !== WAITING) this.#vacate(subscription, position);
  }

  addReceiver(peer: P, subscription: SharedSubscription<P>): void {
    this.#holdingsOf(peer).put(subscription, subscription.receivers.length);
    this.#takeBack(subscription);
    // A list of one is the common case, and `push` would reserve room for seventeen.
    if (subscription.receivers.length === 0) subscription.receivers = [peer];
    else subscription.receivers.push(peer);
    this.#receiverCount++;
  }

  /**
   * Removes a session from the first `count` subscriptions that it receives or waits for. Returns them; their positions are no longer
   * valid.
   */
  removePeer(peer: P, count: number): readonly (readonly [SharedSubscription<P>, number])[] {
    const holdings = this.#holdings.get(peer);
    const removed: (readonly [SharedSubscription<P>, number])[] = [];
    for (const entry of holdings?.entries() ?? []) {
      if (removed.length >= count) break;
      removed.push(entry);
    }
    for (const [subscription, position] of removed) {
      if (position === WAITING) this.stopWaiting(peer, subscription);
      else this.#vacate(subscription, position);
      holdings?.delete(subscription);
    }
    if (holdings?.isEmpty === true) this.#holdings.delete(peer);
    return removed;
  }

  /** Whether a session receives the topic. O(matches). */
  hasReceivers(topic: Uri): boolean {
    if (this.#index.patternCount === 0) return isReceived(this.#index.get(topic, 'exact'));
    return this.matching(topic).some(isReceived);
  }

  /**
   * Calls `visit` for each matching subscription that has receivers, until some `count` of subscriptions and receivers are visited.
   * `visit` may change the table. Each call of the returned function visits as many more; false: none is left. Undefined: none was left.
   */
  forEachMatch(topic: Uri, visit: Visit<P>, publication: Publication, count: number): (() => boolean) | undefined {
    if (this.#index.patternCount === 0) {
      const exact = this.#index.get(topic, 'exact');
      if (exact !== undefined) this.#lend(exact, visit, publication);
      return undefined;
    }
    const matching = this.matching(topic);
    let next = 0;
    const visitSome = (): boolean => {
      for (let left = count; left > 0 && next < matching.length;) {
        const subscription = matching[next++] as SharedSubscription<P>;
        left -= 1 + subscription.receivers.length;
        this.#lend(subscription, visit, publication);
      }
      return next < matching.length;
    };
    return visitSome() ? visitSome : undefined;
  }

  /** Every subscription that the topic matches. O(matches). */
  matching(topic: Uri): readonly SharedSubscription<P>[] {
    const matching: SharedSubscription<P>[] = [];
    this.#index.forEachMatch(topic, collect, matching);
    return matching;
  }

  /** Subscriptions that the topic matches and this session receives or waits for; those it receives come first. O(matches). */
  matchesOf(peer: P, topic: Uri): SharedSubscription<P>[] {
    const matching = this.matching(topic);
    const received = matching.filter((subscription) => this.isReceiver(peer, subscription));
    return received.concat(matching.filter((subscription) => this.isWaiting(peer, subscription)));
  }

  #lend(subscription: SharedSubscription<P>, visit: Visit<P>, publication: Publication): void {
    if (subscription.receivers.length === 0) return;
    this.#iterated = subscription.receivers;
    visit(publication, subscription);
    this.#iterated = undefined;
  }

  /** While a delivery iterates over the list, the subscription continues with a copy. */
  #takeBack(subscription: SharedSubscription<P>): void {
    if (subscription.receivers === this.#iterated) subscription.receivers = [...subscription.receivers];
  }

  #holdingsOf(peer: P): Holdings<P> {
    let holdings = this.#holdings.get(peer);
    if (holdings === undefined) {
      holdings = new Holdings<P>();
      this.#holdings.set(peer, holdings);
    }
    return holdings;
  }

  /** Moves the last receiver to the free position. */
  #vacate(subscription: SharedSubscription<P>, position: number): void {
    this.#takeBack(subscription);
    const last = subscription.receivers.pop();
    this.#receiverCount--;
    if (last === undefined || position === subscription.receivers.length) return;
    subscription.receivers[position] = last;
    this.#holdings.get(last)?.put(subscription, position);
  }

  #freeId(topic: Uri, match: MatchPolicy): SubscriptionId {
    for (let attempt = 0; ; attempt++) {
      const id = this.#derive(this.#realm, match, topic, attempt) as SubscriptionId;
      if (!this.#byId.has(id)) return id;
    }
  }
}

function collect<P extends Peer>(subscription: SharedSubscription<P>, matching: SharedSubscription<P>[]): void {
  matching.push(subscription);
}

function isReceived<P extends Peer>(subscription: SharedSubscription<P> | undefined): boolean {
  return subscription !== undefined && subscription.receivers.length > 0;
}
