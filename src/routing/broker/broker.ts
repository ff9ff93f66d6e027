import { Code } from '../../wamp/codes.js';
import { fault, type Fault } from '../../wamp/faults.js';
import type { PublicationId, RequestId, Uri } from '../../wamp/ids.js';
import type { Publish, Subscribe, Unsubscribe } from '../../wamp/messages.js';
import type { MatchPolicy } from '../../wamp/options.js';
import { isReserved } from '../../wamp/uri-rules.js';
import { ErrorUri } from '../../wamp/uris.js';
import { errorReply } from '../error-reply.js';
import type { HeldTotal } from '../held-total.js';
import { drawHashSeed } from '../number-table.js';
import type { Outlet, Publication, ClockAndRandom } from '../ports.js';
import type { Identity, Peer } from '../peer.js';
import { admits } from './audience.js';
import { OwnEvents, type HeldLimits } from './own-events.js';
import type { SharedSubscription } from './shared-subscription.js';
import { SubscriptionTable } from './subscription-table.js';

export interface BrokerOptions<P extends Peer> {
  readonly realm: Uri;
  readonly outlet: Outlet<P>;
  readonly sources: Pick<ClockAndRandom, 'publicationId' | 'random'>;
  readonly limits: HeldLimits & { readonly maxSubscriptionsPerSession: number };
  readonly heldTotal: HeldTotal;
  /** A request was refused because of `limits`, or a session did not get an event that it had published to itself. */
  readonly onLimit?: (limit: BrokerLimit) => void;
}

export type BrokerLimit = 'subscriptions_per_session' | 'held_events';

/**
 * The sessions of this node as publishers and subscribers of one realm. For each (topic, match) the broker calls watch
 * and unwatch of the outlet in strict alternation.
 */
export class Broker<P extends Peer> {
  readonly #outlet: Outlet<P>;
  readonly #sources: Pick<ClockAndRandom, 'publicationId'>;
  readonly #limits: BrokerOptions<P>['limits'];
  readonly #onLimit: ((limit: BrokerLimit) => void) | undefined;
  readonly #table: SubscriptionTable<P>;
  readonly #ownEvents: OwnEvents<P>;
  readonly #deliver: (publication: Publication, subscription: SharedSubscription<P>) => void;

  constructor({ realm, outlet, sources, limits, heldTotal, onLimit }: BrokerOptions<P>) {
    this.#outlet = outlet;
    this.#sources = sources;
    this.#limits = limits;
    this.#onLimit = onLimit;
    this.#ownEvents = new OwnEvents<P>(limits, heldTotal);
    const hashSeed = drawHashSeed(() => sources.random());
    this.#table = new SubscriptionTable<P>(realm, hashSeed);
    this.#deliver = (publication, subscription) => outlet.deliver(publication, subscription);
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

  /**
   * Delivers on this node, then sends to the other nodes. A publisher that asked for it gets the acknowledgement when
   * they have settled (BRK-6). At most once: after an ERROR, the nodes that could be reached, this one first, have the
   * event.
   */
  publish(peer: P, message: Publish, disclose: boolean): void {
    const [, request, { acknowledge }, topic] = message;
    if (isReserved(topic)) {
      this.#outlet.count('publish_refused');
      if (acknowledge) this.#outlet.send(peer, errorReply(Code.PUBLISH, request, reservedTopic(topic)));
      return;
    }
    const publication = toPublication(this.#sources.publicationId(), peer, message, disclose);
    // Without a SUBSCRIBED outstanding, no check is necessary.
    if (publication.excludePublisher || this.#table.waitingCount === 0) this.distribute(publication);
    else this.#distributeInOrder(peer, publication);
    if (acknowledge) this.#publishAcknowledged(peer, request, publication);
    else this.#outlet.publish(publication);
  }

  /** Publishes for a session that has left, under its identity (TST-3, TST-8). */
  publishFor(publisher: Identity, message: Publish, disclose: boolean): void {
    const publication = toPublication(this.#sources.publicationId(), publisher, message, disclose);
    this.distribute(publication);
    this.#outlet.publish(publication);
  }

  /** Delivers to the sessions of this node, once per matching subscription (BRK-8, PBS-2). */
  distribute(publication: Publication): void {
    this.#table.forEachMatch(publication.topic, this.#deliver, publication);
  }

  /**
   * The first subscriber makes the cluster watch the topic; the broker answers it, and those that join meanwhile, once
   * that has settled (G2). A session receives from the moment its SUBSCRIBED is sent (ORD-2).
   */
  subscribe(peer: P, [, request, { match }, topic]: Subscribe): void {
    const existing = this.#table.find(topic, match);
    if (existing !== undefined && this.#table.isReceiver(peer, existing)) {
      this.#outlet.send(peer, [Code.SUBSCRIBED, request, existing.id]);
    } else if (this.#table.load(peer) >= this.#limits.maxSubscriptionsPerSession) {
      this.#onLimit?.('subscriptions_per_session');
      this.#outlet.send(peer, errorReply(Code.SUBSCRIBE, request, this.#limitReached()));
    } else if (existing === undefined) {
      this.#open(peer, request, topic, match);
    } else if (existing.waiting === undefined) {
      this.#join(peer, existing, [request]);
    } else {
      this.#table.wait(peer, existing, request);
    }
  }

  unsubscribe(peer: P, [, request, id]: Unsubscribe): void {
    const subscription = this.#table.held(peer, id);
    if (subscription === undefined) {
      this.#outlet.send(peer, errorReply(Code.UNSUBSCRIBE, request, NOT_SUBSCRIBED));
      return;
    }
    if (this.#ownEvents.isHoldingOf(peer, subscription)) this.#deliverReceived(peer);
    this.#table.release(peer, subscription);
    this.#closeIfUnused(subscription);
    this.#outlet.send(peer, [Code.UNSUBSCRIBED, request]);
  }

  /** Ends everything that the session holds or waits for, without sending to it. O(its subscriptions). */
  leave(peer: P): void {
    this.#ownEvents.dropPeer(peer);
    for (const [subscription] of this.#table.removePeer(peer)) this.#closeIfUnused(subscription);
  }

  #publishAcknowledged(peer: P, request: RequestId, publication: Publication): void {
    this.#outlet.publish(publication, (refusal) => {
      if (refusal === undefined) this.#outlet.send(peer, [Code.PUBLISHED, request, publication.id]);
      else this.#outlet.send(peer, errorReply(Code.PUBLISH, request, refusal));
    });
  }

  /**
   * Like `distribute`, but copies for the publisher itself wait behind the SUBSCRIBED that it waits for (G10), and all
   * later ones behind them (ORD-1). No other receiver waits.
   */
  #distributeInOrder(peer: P, publication: Publication): void {
    const own = admits(publication, peer) ? this.#table.matchesOf(peer, publication.topic) : [];
    const waits = this.#ownEvents.isHolding(peer) || own.some((one) => this.#table.isWaiting(peer, one));
    if (own.length === 0 || !waits) {
      this.distribute(publication);
      return;
    }
    for (const subscription of own)
      if (!this.#ownEvents.push(peer, { publication, subscription })) this.#onLimit?.('held_events');
    this.distribute({ ...publication, excludePublisher: true });
    this.#deliverOwn(peer);
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

  #deliverTo(peer: P, publication: Publication, { id, topic, match }: SharedSubscription<P>): void {
    this.#outlet.deliver(publication, { id, topic, match, receivers: [peer] });
  }

  #open(peer: P, request: RequestId, topic: Uri, match: MatchPolicy): void {
    const subscription = this.#table.open(topic, match);
    this.#table.wait(peer, subscription, request);
    this.#outlet.watch(topic, match, (refusal) => {
      this.#settle(subscription, refusal);
    });
  }

  #settle(subscription: SharedSubscription<P>, refusal: Fault | undefined): void {
    // All waiting sessions have left: already unwatched, and a newer subscription to the same topic may be waiting by
    // now.
    if (!this.#isCurrent(subscription)) return;
    if (refusal !== undefined) this.#close(subscription);
    for (const peer of subscription.waiting?.keys() ?? []) {
      const requests = this.#table.stopWaiting(peer, subscription);
      if (refusal === undefined) this.#join(peer, subscription, requests);
      else this.#refuse(peer, subscription, requests, refusal);
      this.#deliverOwn(peer);
    }
    subscription.waiting = undefined;
  }

  #join(peer: P, subscription: SharedSubscription<P>, requests: readonly RequestId[]): void {
    this.#table.addReceiver(peer, subscription);
    for (const request of requests) this.#outlet.send(peer, [Code.SUBSCRIBED, request, subscription.id]);
  }

  #refuse(peer: P, subscription: SharedSubscription<P>, requests: readonly RequestId[], refusal: Fault): void {
    this.#table.release(peer, subscription);
    for (const request of requests) this.#outlet.send(peer, errorReply(Code.SUBSCRIBE, request, refusal));
  }

  #closeIfUnused(subscription: SharedSubscription<P>): void {
    if (subscription.isUnused && this.#isCurrent(subscription)) this.#close(subscription);
  }

  #isCurrent(subscription: SharedSubscription<P>): boolean {
    return this.#table.find(subscription.topic, subscription.match) === subscription;
  }

  #close(subscription: SharedSubscription<P>): void {
    this.#table.close(subscription);
    this.#outlet.unwatch(subscription.topic, subscription.match);
  }

  #limitReached(): Fault {
    return fault(
      ErrorUri.LIMIT_EXCEEDED,
      `this session holds its limit of ${this.#limits.maxSubscriptionsPerSession} subscriptions (limits.maxSubscriptionsPerSession): unsubscribe from some first`,
    );
  }
}

function toPublication(
  id: PublicationId,
  publisher: Identity,
  [, , options, topic, payload]: Publish,
  disclosePublisher: boolean,
): Publication {
  const { excludeMe: excludePublisher, audience, passthru } = options;
  const plain = { id, topic, payload, publisher, excludePublisher, disclosePublisher };
  if (audience === undefined && passthru === undefined) return plain;
  return { ...plain, ...(audience !== undefined && { audience }), ...(passthru !== undefined && { passthru }) };
}

const NOT_SUBSCRIBED = fault(
  ErrorUri.NO_SUCH_SUBSCRIPTION,
  'this session has no such subscription: use the id that SUBSCRIBED gave it',
);

function reservedTopic(topic: Uri): Fault {
  return fault(ErrorUri.INVALID_URI, `"${topic}" begins with "wamp", which is the router's: publish to another topic`);
}
