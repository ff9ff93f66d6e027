import { Code } from '../../wamp/codes.js';
import { isFault, type Fault } from '../../wamp/faults.js';
import type { RequestId, SessionId, SubscriptionId, Uri } from '../../wamp/ids.js';
import type { Publish, Subscribe, Unsubscribe } from '../../wamp/messages.js';
import type { MatchPolicy } from '../../wamp/options.js';
import type { Payload } from '../../wamp/payload.js';
import { isReserved } from '../../wamp/uri-rules.js';
import { errorReply } from '../error-reply.js';
import { drawHashSeed } from '../number-table.js';
import type { Outlet, Publication } from '../ports.js';
import type { Identity, Peer } from '../peer.js';
import { deliverRest, type Rest } from '../rest.js';
import { admits } from './audience.js';
import type { BrokerOptions, DeliveryScope } from './broker-options.js';
import type { KeepingRules } from './keeping-rules.js';
import { WAITING } from './holdings.js';
import { Distribution } from './distribution.js';
import { Onward } from './onward.js';
import { OwnEvents } from './own-events.js';
import { isLater, toPublication } from './publications.js';
import { NOT_SUBSCRIBED, reservedTopic, subscriptionsExceeded } from './refusals.js';
import { Replays } from './replays.js';
import { RetainedLookups, type Lookup } from './retained-lookups.js';
import type { SharedSubscription } from './shared-subscription.js';
import { SubscriptionTable } from './subscription-table.js';

/**
 * The sessions of this node as publishers and subscribers of one realm. For each (topic, match) the broker calls watch
 * and unwatch of the outlet in strict alternation.
 */
export class Broker<P extends Peer> {
  readonly #outlet: Outlet<P>;
  readonly #sources: BrokerOptions<P>['sources'];
  readonly #limits: BrokerOptions<P>['limits'];
  readonly #on: Pick<BrokerOptions<P>, 'onLimit' | 'onSubscribed' | 'onUnsubscribed'>;
  readonly #table: SubscriptionTable<P>;
  readonly #ownEvents: OwnEvents<P>;
  readonly #distribution: Distribution<P>;
  readonly #lookups = new RetainedLookups<P>();
  readonly #replays: Replays<P>;
  readonly #onward: Onward<P>;
  /** Undefined: the realm keeps no events. */
  #keeping: KeepingRules | undefined;

  constructor({ realm, outlet, sources, limits, heldTotal, partCount, derive, ...on }: BrokerOptions<P>) {
    this.#outlet = outlet;
    this.#sources = sources;
    this.#limits = limits;
    this.#on = on;
    this.#ownEvents = new OwnEvents<P>(limits, heldTotal);
    const hashSeed = drawHashSeed(() => sources.random());
    this.#table = new SubscriptionTable<P>(realm, hashSeed, derive);
    this.#replays = new Replays<P>((delayMs, action) => outlet.after(delayMs, action));
    this.#onward = new Onward(outlet, () => this.#keeping);
    this.#distribution = new Distribution(this.#table, outlet, this.#lookups, this.#replays, partCount);
  }

  /** The subscriptions of this node. */
  get directory(): Pick<SubscriptionTable<P>, 'find' | 'byId' | 'all' | 'matching' | 'receivedBy'> {
    return this.#table;
  }

  /** Subscriptions of this node, each counted once however many sessions share it. */
  get subscriptionCount(): number {
    return this.#table.subscriptionCount;
  }

  /** Pairs of session and subscription. */
  get receiverCount(): number {
    return this.#table.receiverCount;
  }

  /** Sessions that hold a subscription or wait for one. */
  get subscriberCount(): number {
    return this.#table.subscriberCount;
  }

  /** Decides from now on which events are kept; undefined: none. */
  keep(rules: KeepingRules | undefined): void {
    this.#keeping = rules;
  }

  /**
   * Delivers on this node, then sends to the other nodes. A publisher that asked for it gets the acknowledgement when
   * they have settled (BRK-6). At most once: after an ERROR, the nodes that could be reached, this one first, have the
   * event. An event to be retained goes to the store behind that; then the acknowledgement waits for the store too.
   * Where very many receive it, each call of the function that is returned does a part more; the session's next message must
   * wait for that (ORD-1).
   */
  publish(peer: P, message: Publish, disclose: boolean): Rest | undefined {
    const [, request, { acknowledge }, topic] = message;
    if (isReserved(topic)) {
      this.#outlet.count('publish_refused');
      if (acknowledge) this.#outlet.send(peer, errorReply(Code.PUBLISH, request, reservedTopic(topic)));
      return undefined;
    }
    const publication = this.#toPublication(peer, message, disclose);
    // Without a SUBSCRIBED outstanding, no check is necessary.
    const isPlain = publication.excludePublisher || this.#table.waitingCount === 0;
    const rest = isPlain ? this.#distribution.begin(publication) : this.#distributeInOrder(peer, publication);
    if (rest === undefined) {
      this.#onward.send(peer, message, publication);
      return undefined;
    }
    const retained = publication.retain === undefined ? undefined : this.#onward.retain(publication);
    return this.#distribution.keep(peer, rest, () => this.#onward.send(peer, message, publication, retained));
  }

  /** Publishes for a session that has left, under its identity (TST-3, TST-8). */
  publishFor(publisher: Identity, message: Publish, disclose: boolean): void {
    const publication = this.#toPublication(publisher, message, disclose);
    this.distribute(publication);
    this.#onward.sendSilently(publication);
  }

  /** Whether a session of this node receives the topic. */
  isWanted(topic: Uri): boolean {
    return this.#table.hasReceivers(topic);
  }

  /** Publishes on behalf of the router, also to a topic that is closed to clients. Never discloses the publisher. */
  publishOwn(publisher: Identity, topic: Uri, payload: Payload, reach: DeliveryScope, settled?: () => void): void {
    const id = this.#sources.publicationId();
    const publication = { id, topic, payload, publisher, excludePublisher: false, disclosePublisher: false };
    if (reach !== 'elsewhere') this.distribute(publication);
    if (reach !== 'here') this.#outlet.publish(publication, settled);
  }

  /** Delivers to the sessions of this node. */
  distribute(publication: Publication): void {
    this.#distribution.all(publication);
  }

  /** The same in parts, for a publication of another node. Undefined: all have it. */
  distributePart(publication: Publication): Rest | undefined {
    return this.#distribution.beginRemote(publication);
  }

  /**
   * The first subscriber makes the cluster watch the topic; the broker answers it, and those that join meanwhile, once
   * that has settled (G2). A session receives from the moment its SUBSCRIBED is sent (ORD-2). If it wants the retained
   * event, the broker looks for that after the cluster watches, and sends SUBSCRIBED and the event when it is found.
   */
  subscribe(peer: P, [, request, { match, getRetained }, topic]: Subscribe): void {
    const existing = this.#table.find(topic, match);
    const isSeeking = getRetained === true && this.#keeping?.mayRetain(topic, match) === true;
    const isReceiver = existing !== undefined && this.#table.isReceiver(peer, existing);
    if (isReceiver && !isSeeking) {
      this.#outlet.send(peer, [Code.SUBSCRIBED, request, existing.id]);
    } else if (this.#table.load(peer) + this.#lookups.requestCount(peer) >= this.#limits.maxSubscriptionsPerSession) {
      this.#on.onLimit?.('subscriptions_per_session');
      this.#outlet.send(
        peer,
        errorReply(Code.SUBSCRIBE, request, subscriptionsExceeded(this.#limits.maxSubscriptionsPerSession)),
      );
    } else if (isReceiver) {
      const lookup = this.#lookups.find(peer, existing) ?? this.#lookUp(peer, existing);
      this.#lookups.addRequest(lookup, request);
    } else if (existing === undefined) {
      this.#open(peer, request, topic, match, isSeeking);
    } else if (!existing.isActive || this.#table.isWaiting(peer, existing)) {
      this.#wait(peer, existing, request, isSeeking);
    } else if (isSeeking) {
      this.#table.wait(peer, existing, request);
      this.#lookUp(peer, existing);
    } else {
      this.#join(peer, existing, [request]);
    }
  }

  unsubscribe(peer: P, [, request, id]: Unsubscribe): void {
    const subscription = this.#table.held(peer, id);
    if (subscription === undefined) {
      this.#outlet.send(peer, errorReply(Code.UNSUBSCRIBE, request, NOT_SUBSCRIBED));
      return;
    }
    this.#remove(peer, subscription);
    this.#outlet.send(peer, [Code.UNSUBSCRIBED, request]);
  }

  /**
   * Takes a subscription from a session, which is notified if it has announced that (rules 7.9). Undefined: this node does not have
   * the subscription; false: the session does not receive it. O(receivers).
   */
  revoke(session: SessionId, id: SubscriptionId, reason: string | undefined): boolean | undefined {
    const subscription = this.#table.byId(id);
    if (subscription === undefined || subscription.receivers.length === 0 || isReserved(subscription.topic)) return;
    const peer = subscription.receivers.find((receiver) => receiver.session === session);
    if (peer === undefined) return false;
    this.#remove(peer, subscription);
    if (peer.features.subscriber?.has('subscription_revocation') === true)
      this.#outlet.send(peer, [Code.UNSUBSCRIBED, 0, { subscription: id, ...(reason !== undefined && { reason }) }]);
    return true;
  }

  /**
   * Delivers a part of what a session that ends has published, or ends `count` of its subscriptions. False: it has no more than that,
   * for `leave`.
   */
  leavePart(peer: P, count: number): boolean {
    if (this.#distribution.restOf(peer)?.() === true) return true;
    if (this.#table.load(peer) <= count) return false;
    this.leave(peer, count);
    return true;
  }

  /** Ends everything that the session holds or waits for, or `count` of it, without sending to it. O(its subscriptions). */
  leave(peer: P, count = Infinity): void {
    deliverRest(this.#distribution.restOf(peer));
    this.#ownEvents.dropPeer(peer);
    this.#lookups.dropPeer(peer);
    for (const [subscription, position] of this.#table.removePeer(peer, count)) {
      if (position !== WAITING) this.#on.onUnsubscribed?.(peer.session, subscription);
      this.#closeIfUnused(subscription, peer);
    }
  }

  #toPublication(publisher: Identity, message: Publish, disclose: boolean): Publication {
    const publication = toPublication(this.#sources.publicationId(), publisher, message, disclose);
    const isRetaining = message[2].retain === true && this.#keeping?.retains(publication.topic) === true;
    return isRetaining ? { ...publication, retain: this.#sources.retainMark() } : publication;
  }

  /**
   * Like `distribute`, but copies for the publisher itself wait behind the SUBSCRIBED that it waits for (G10), and all
   * later ones behind them (ORD-1). No other receiver waits.
   */
  #distributeInOrder(peer: P, publication: Publication): Rest | undefined {
    const own = admits(publication, peer) ? this.#table.matchesOf(peer, publication.topic) : [];
    const waits = this.#ownEvents.isHolding(peer) || own.some((one) => this.#table.isWaiting(peer, one));
    if (own.length === 0 || !waits) return this.#distribution.begin(publication);
    for (const subscription of own)
      if (!this.#ownEvents.push(peer, { publication, subscription })) this.#on.onLimit?.('held_events');
    const rest = this.#distribution.begin({ ...publication, excludePublisher: true });
    this.#deliverOwn(peer);
    return rest;
  }

  /** Delivers what this session published to itself, up to the first event whose SUBSCRIBED is outstanding. */
  #deliverOwn(peer: P): void {
    for (;;) {
      const event = this.#ownEvents.first(peer);
      if (event === undefined || this.#table.isWaiting(peer, event.subscription)) return;
      this.#ownEvents.shift(peer);
      const { publication, subscription } = event;
      // Otherwise the SUBSCRIBE was refused.
      if (this.#table.isReceiver(peer, subscription)) this.#deliverTo(peer, publication, subscription);
    }
  }

  /**
   * Delivers what this session published to subscriptions that it has: after UNSUBSCRIBED it would be too late (BRK-5).
   * Events published behind an unanswered SUBSCRIBE continue to wait.
   */
  #deliverReceived(peer: P): void {
    const received = this.#ownEvents.takeReady(peer, (subscription) => this.#table.isReceiver(peer, subscription));
    for (const { publication, subscription } of received) this.#deliverTo(peer, publication, subscription);
  }

  #deliverTo(peer: P, publication: Publication, subscription: SharedSubscription<P>): void {
    const { id, topic, match } = subscription;
    if (this.#replays.covers(publication, subscription, peer)) return;
    this.#outlet.deliver(publication, { id, topic, match, receivers: [peer] });
  }

  #open(peer: P, request: RequestId, topic: Uri, match: MatchPolicy, isSeeking: boolean): void {
    const subscription = this.#table.open(topic, match);
    this.#wait(peer, subscription, request, isSeeking);
    this.#outlet.watch(topic, match, (refusal) => {
      this.#settle(subscription, refusal);
    });
  }

  #wait(peer: P, subscription: SharedSubscription<P>, request: RequestId, isSeeking: boolean): void {
    this.#table.wait(peer, subscription, request);
    if (isSeeking && !subscription.isActive) subscription.seekers = (subscription.seekers ?? new Set()).add(peer);
  }

  #settle(subscription: SharedSubscription<P>, refusal: Fault | undefined): void {
    // All waiting sessions have left: already unwatched, and a newer subscription to the same topic may be waiting by
    // now.
    if (!this.#isCurrent(subscription)) return;
    if (refusal !== undefined) this.#close(subscription);
    subscription.isActive = refusal === undefined;
    for (const peer of subscription.waiting?.keys() ?? []) {
      if (subscription.isActive && subscription.seekers?.has(peer) === true) {
        this.#lookUp(peer, subscription);
        continue;
      }
      const requests = this.#table.stopWaiting(peer, subscription);
      if (refusal === undefined) this.#join(peer, subscription, requests);
      else this.#refuse(peer, subscription, requests, refusal);
      this.#deliverOwn(peer);
    }
    subscription.seekers = undefined;
  }

  #lookUp(peer: P, subscription: SharedSubscription<P>): Lookup<P> {
    const lookup = this.#lookups.begin(peer, subscription);
    this.#outlet.findRetained(subscription.topic, subscription.match, peer, (found) => this.#found(lookup, found));
    return lookup;
  }

  /**
   * SUBSCRIBED, then the retained event, then live ones (RET-6). An event to be retained that was distributed meanwhile is
   * newer than what was found, unless its node retained that one later. A session that was subscribed before has got it.
   */
  #found(lookup: Lookup<P>, found: Publication | Fault | undefined): void {
    if (!this.#lookups.end(lookup)) return;
    const { peer, subscription, requests, latest } = lookup;
    const isNew = this.#table.isWaiting(peer, subscription);
    const waiting = isNew ? this.#table.stopWaiting(peer, subscription) : requests;
    if (isFault(found)) {
      for (const request of waiting) this.#outlet.send(peer, errorReply(Code.SUBSCRIBE, request, found));
      if (isNew) {
        this.#table.release(peer, subscription);
        this.#closeIfUnused(subscription, peer);
        this.#deliverOwn(peer);
      }
      return;
    }
    if (isNew) this.#join(peer, subscription, waiting);
    else this.#confirm(peer, subscription, waiting);
    if (found !== undefined && (latest === undefined || isLater(found, latest))) {
      this.#replay(peer, subscription, found);
      this.#replays.add(found, subscription, peer);
    } else if (latest !== undefined && isNew && this.#keeping?.clears(latest) !== true)
      this.#replay(peer, subscription, latest);
    this.#deliverOwn(peer);
  }

  #replay(peer: P, { id, topic, match }: SharedSubscription<P>, event: Publication): void {
    this.#outlet.deliver({ ...event, isRetained: true }, { id, topic, match, receivers: [peer] });
  }

  #join(peer: P, subscription: SharedSubscription<P>, requests: readonly RequestId[]): void {
    this.#table.addReceiver(peer, subscription);
    this.#confirm(peer, subscription, requests);
    this.#on.onSubscribed?.(peer.session, subscription);
  }

  #remove(peer: P, subscription: SharedSubscription<P>): void {
    const lookup = this.#lookups.find(peer, subscription);
    if (lookup !== undefined && this.#lookups.end(lookup)) this.#confirm(peer, subscription, lookup.requests);
    if (this.#ownEvents.isHoldingOf(peer, subscription)) this.#deliverReceived(peer);
    this.#table.release(peer, subscription);
    this.#on.onUnsubscribed?.(peer.session, subscription);
    this.#closeIfUnused(subscription, peer);
  }

  #confirm(peer: P, { id }: SharedSubscription<P>, requests: readonly RequestId[]): void {
    for (const request of requests) this.#outlet.send(peer, [Code.SUBSCRIBED, request, id]);
  }

  #refuse(peer: P, subscription: SharedSubscription<P>, requests: readonly RequestId[], refusal: Fault): void {
    this.#table.release(peer, subscription);
    for (const request of requests) this.#outlet.send(peer, errorReply(Code.SUBSCRIBE, request, refusal));
  }

  #closeIfUnused(subscription: SharedSubscription<P>, { session }: Peer): void {
    if (subscription.isUnused && this.#isCurrent(subscription)) this.#close(subscription, session);
  }

  #isCurrent(subscription: SharedSubscription<P>): boolean {
    return this.#table.find(subscription.topic, subscription.match) === subscription;
  }

  #close(subscription: SharedSubscription<P>, leaver?: SessionId): void {
    this.#table.close(subscription);
    this.#outlet.unwatch(subscription.topic, subscription.match, leaver);
  }
}
