import type { RequestId, SubscriptionId, Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import type { Subscription } from '../ports.js';
import type { Peer } from '../peer.js';

/** One (topic, match) with all its sessions, sharing one id so that an event is encoded once (BRK-3, PBS-4). */
export class SharedSubscription<P extends Peer> implements Subscription<P> {
  readonly id: SubscriptionId;
  readonly topic: Uri;
  readonly match: MatchPolicy;
  receivers: P[] = [];
  /** SUBSCRIBEs to answer once the cluster has confirmed the interest; absent afterwards. */
  waiting: Map<P, RequestId[]> | undefined = new Map();

  constructor(id: SubscriptionId, topic: Uri, match: MatchPolicy) {
    this.id = id;
    this.topic = topic;
    this.match = match;
  }

  get isUnused(): boolean {
    return this.receivers.length === 0 && (this.waiting === undefined || this.waiting.size === 0);
  }
}
