import { Recent } from '../../util/recent.js';
import { isId, type SessionId, type SubscriptionId, type Uri } from '../../wamp/ids.js';
import type { Dict, List, MatchPolicy } from '../../wamp/options.js';
import { isReserved } from '../../wamp/uri-rules.js';
import { deriveId } from '../derived-id.js';
import { idIn, type MetaEventsPort } from './events-port.js';
import { MetaTopic } from './topics.js';

export interface SubscriptionEventsPort extends MetaEventsPort {
  readonly realm: Uri;
  /** Time at which the cluster began to want the topic. */
  createdMs(topic: Uri, match: MatchPolicy): number | undefined;
}

/** The cluster begins to want a topic, or ends to. */
export interface TopicEdge {
  readonly topic: Uri;
  readonly match: MatchPolicy;
  readonly createdMs: number;
  readonly isWanted: boolean;
  /** The session that was the last to want it. */
  readonly leaver?: number;
}

/**
 * The meta events of subscriptions, for the sessions of this node (UMA). The subscriber's node publishes on_subscribe and
 * on_unsubscribe, here and to the others. Every node reports in one order when the cluster begins and ends to want a topic.
 * So each publishes on_delete for its own sessions: once, also when a node has died. on_create waits until SUBSCRIBED has been
 * sent (UMA-2): an event that a subscriber of on_create publishes then reaches the session.
 */
export class SubscriptionEvents {
  readonly #port: SubscriptionEventsPort;
  /** Subscriptions without on_create so far. Those that stay without it have failed, or interest no session: they are forgotten. */
  readonly #uncreated: Recent<number, TopicEdge & { readonly isAwaited: boolean }>;
  #hasBegun = false;

  constructor(port: SubscriptionEventsPort) {
    this.#port = port;
    this.#uncreated = new Recent(() => port.forgotten());
  }

  /** Subscriptions that the cluster had before had been created. */
  begin(): void {
    this.#hasBegun = true;
  }

  changed(edge: TopicEdge): void {
    const { topic, match, isWanted, leaver } = edge;
    if (!this.#hasBegun || isReserved(topic)) return;
    const id = deriveId(this.#port.realm, match, topic, 0);
    if (isWanted) {
      const isAwaited = this.#port.isWantedHere(MetaTopic.SUBSCRIPTION_CREATED);
      this.#uncreated.add(id, { ...edge, isAwaited }, this.#port.nowMs());
      return;
    }
    // Otherwise all sessions that waited for it have left before SUBSCRIBED, or no session of this node was to receive on_create.
    if (this.#uncreated.take(id)?.isAwaited !== true)
      this.#port.publishHere(MetaTopic.SUBSCRIPTION_DELETED, [leaver ?? null, id]);
  }

  /** This node has sent SUBSCRIBED. */
  subscribed(session: SessionId, { id, topic }: { readonly id: SubscriptionId; readonly topic: Uri }): void {
    if (isReserved(topic)) return;
    const created = this.#uncreated.take(id);
    if (created !== undefined) {
      const args = [session, this.#details(id, created)];
      this.#port.publishHere(MetaTopic.SUBSCRIPTION_CREATED, args);
      this.#port.publishElsewhere(MetaTopic.SUBSCRIPTION_CREATED, args);
    }
    this.#port.publishHere(MetaTopic.SUBSCRIBER_ADDED, [session, id]);
    this.#port.publishElsewhere(MetaTopic.SUBSCRIBER_ADDED, [session, id]);
  }

  /** A session of this node has ended to receive the topic, before this node unwatches it. */
  unsubscribed(session: SessionId, { id, topic }: { readonly id: SubscriptionId; readonly topic: Uri }): void {
    if (isReserved(topic)) return;
    this.#port.publishHere(MetaTopic.SUBSCRIBER_REMOVED, [session, id]);
    this.#port.publishElsewhere(MetaTopic.SUBSCRIBER_REMOVED, [session, id]);
  }

  /** Another node publishes one of these events. False: its subscribers here do not receive it. */
  arrived(topic: Uri, [session, about]: List): boolean {
    if (topic === MetaTopic.SUBSCRIPTION_CREATED) return this.#uncreated.take(idIn(about)) !== undefined;
    if (topic === MetaTopic.SUBSCRIBER_ADDED && isId(about)) {
      const created = this.#uncreated.take(about);
      if (created !== undefined)
        this.#port.publishHere(MetaTopic.SUBSCRIPTION_CREATED, [session, this.#details(about, created)]);
    }
    return topic === MetaTopic.SUBSCRIBER_ADDED || topic === MetaTopic.SUBSCRIBER_REMOVED;
  }

  /** The details that `wamp.subscription.get` returns. */
  #details(id: number, { topic, match, createdMs }: TopicEdge): Dict {
    const sinceMs = this.#port.createdMs(topic, match) ?? createdMs;
    return { id, created: new Date(sinceMs).toISOString(), uri: topic, match };
  }
}
