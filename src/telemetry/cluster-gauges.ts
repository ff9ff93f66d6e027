/** The state that a backplane of several nodes reports at each scrape. */
export interface ClusterGauges {
  /** Other nodes can be reached. */
  readonly isUp: boolean;
  /** The others may have declared this node dead, and it cannot ask them. */
  readonly isIsolated: boolean;
  /** Servers of the store that this node has no connections to: of a Redis Cluster its primaries. */
  readonly storeServersMissing: number;
  /** Nodes that count as alive for this one, itself included. */
  readonly nodes: number;
  /** Other nodes that did not receive the last batch sent to them. */
  readonly nodesUnreachable: number;
  /** Time until the lease of this node ends by its own clock; not below 0. */
  readonly leaseRemainingMs: number;
  /** Time since this node last received its own probe. */
  readonly silenceMs: number;
  /** Bytes sent to other nodes without a receipt from the store. */
  readonly unacknowledgedBytes: number;
  /** SUBSCRIBED and REGISTERED that wait for other nodes. */
  readonly pendingBarriers: number;
  /** Topics and patterns that other nodes want, all realms together. */
  readonly mirrorTopics: number;
  readonly mirrorRegistrations: number;
  /** Changes received but not applied, in the realm that is furthest behind. */
  readonly mirrorVersionLag: number;
}
