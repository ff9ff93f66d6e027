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
  /** The cluster has confirmed the interest: every later publication reaches this node. */
  isActive = false;
  /** SUBSCRIBEs to answer once it is active, and once the retained event is found. Absent: none. */
  waiting: Map<P, RequestId[]> | undefined;
  /** Sessions waiting until it is active that then get the retained event. */
  seekers: Set<P> | undefined;

  constructor(id: SubscriptionId, topic: Uri, match: MatchPolicy) {
    this.id = id;
    this.topic = topic;
    this.match = match;
  }

  get isUnused(): boolean {
    return this.receivers.length === 0 && (this.waiting === undefined || this.waiting.size === 0);
  }
}
