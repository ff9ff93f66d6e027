import { isReserved } from '../../wamp/uri-rules.js';
import type { Outlet, Publication } from '../ports.js';
import type { Peer } from '../peer.js';
import { deliverRest, type Rest } from '../rest.js';
import type { Replays } from './replays.js';
import type { RetainedLookups } from './retained-lookups.js';
import type { SharedSubscription } from './shared-subscription.js';
import type { SubscriptionTable } from './subscription-table.js';

/** Subscriptions and receivers of one part; a subscription with more receivers is a part of its own. */
const PART_COUNT = 5_000;

/** Delivers publications to the sessions of this node, once per matching subscription (BRK-8, PBS-2). */
export class Distribution<P extends Peer> {
  readonly #table: SubscriptionTable<P>;
  readonly #outlet: Pick<Outlet<P>, 'deliver'>;
  readonly #lookups: RetainedLookups<P>;
  readonly #replays: Replays<P>;
  readonly #partCount: number;
  /** Publications that are not delivered to all: their sessions send nothing else meanwhile. */
  readonly #rests = new Map<P, Rest>();
  readonly #deliver = (publication: Publication, subscription: SharedSubscription<P>): void =>
    this.#outlet.deliver(publication, subscription);

  constructor(
    table: SubscriptionTable<P>,
    outlet: Pick<Outlet<P>, 'deliver'>,
    lookups: RetainedLookups<P>,
    replays: Replays<P>,
    partCount = PART_COUNT,
  ) {
    this.#table = table;
    this.#outlet = outlet;
    this.#lookups = lookups;
    this.#replays = replays;
    this.#partCount = partCount;
  }

  /**
   * Delivers to the first of many subscriptions that match, so that no turn is as long as others make it (G11). Undefined: to all. A
   * session that leaves one of the others meanwhile gets no event by it; one that joins it may get one.
   */
  begin(publication: Publication): Rest | undefined {
    const { retain, topic } = publication;
    if (retain === undefined) return this.#table.forEachMatch(topic, this.#deliver, publication, this.#partCount);
    // Sessions whose lookup is under way get the event with its outcome.
    if (!this.#lookups.isEmpty)
      for (const subscription of this.#table.matching(topic)) this.#lookups.note(publication, subscription);
    return this.#table.forEachMatch(topic, this.#deliverToOthers, publication, this.#partCount);
  }

  /** Keeps what is left of a session's publication, whose end must not overtake it. `done` follows the last part. */
  keep(peer: P, rest: Rest, done: () => void): Rest {
    const kept = (): boolean => {
      if (this.#rests.get(peer) !== kept) return false;
      if (rest()) return true;
      this.#rests.delete(peer);
      done();
      return false;
    };
    this.#rests.set(peer, kept);
    return kept;
  }

  /** Delivers what is left of the session's publication. Undefined: nothing is left. */
  restOf(peer: P): Rest | undefined {
    return this.#rests.get(peer);
  }

  /** Delivers in one step. */
  all(publication: Publication): void {
    deliverRest(this.begin(publication));
  }

  /**
   * Begins with a publication of another node. Meta events in one step: those of several nodes may concern one subject, and come in
   * order. Their short topics match few patterns.
   */
  beginRemote(publication: Publication): Rest | undefined {
    const rest = this.begin(publication);
    if (!isReserved(publication.topic)) return rest;
    deliverRest(rest);
    return undefined;
  }

  /** Sessions that got the event from the store do not get it again. */
  readonly #deliverToOthers = (publication: Publication, subscription: SharedSubscription<P>): void => {
    if (!this.#replays.concerns(subscription)) {
      this.#outlet.deliver(publication, subscription);
      return;
    }
    const { id, topic, match } = subscription;
    const receivers = subscription.receivers.filter((peer) => !this.#replays.covers(publication, subscription, peer));
    this.#outlet.deliver(publication, { id, topic, match, receivers });
  };
}
