import type { deriveId } from '../derived-id.js';
import type { SessionId, SubscriptionId, Uri } from '../../wamp/ids.js';
import type { HeldTotal } from '../held-total.js';
import type { Peer } from '../peer.js';
import type { ClockAndRandom, Outlet } from '../ports.js';
import type { HeldLimits } from './own-events.js';

export interface BrokerOptions<P extends Peer> {
  readonly realm: Uri;
  readonly outlet: Outlet<P>;
  readonly sources: Pick<ClockAndRandom, 'publicationId' | 'random' | 'retainMark'>;
  readonly limits: HeldLimits & { readonly maxSubscriptionsPerSession: number };
  readonly heldTotal: HeldTotal;
  /** Subscriptions and receivers of one part of a publication. */
  readonly partCount?: number | undefined;
  /** The id of a subscription, to be tried after so many that belong to others. */
  readonly derive?: typeof deriveId | undefined;
  /** A request was refused because of `limits`, or a session did not get an event that it had published to itself. */
  readonly onLimit?: (limit: BrokerLimit) => void;
  /** A session receives the subscription from now on: SUBSCRIBED has been sent. */
  readonly onSubscribed?: SubscriberChange;
  /** A session receives the subscription no more; the broker unwatches the topic behind it, if it was the last. */
  readonly onUnsubscribed?: SubscriberChange;
}

type SubscriberChange = (
  session: SessionId,
  subscription: { readonly id: SubscriptionId; readonly topic: Uri },
) => void;

/** `here`: only the sessions of this node receive the event; `elsewhere`: only those of the others. */
export type DeliveryScope = 'all' | 'here' | 'elsewhere';

export type BrokerLimit = 'subscriptions_per_session' | 'held_events';
