/** What a backplane that joins several nodes holds and sees right now. Asked when the metrics page is. */
export interface ClusterGauges {
  /** Other nodes can be reached. */
  readonly isUp: boolean;
  /** The others may have declared this node dead, and it cannot ask. */
  readonly isIsolated: boolean;
  /** Nodes that this one believes to live, itself included. */
  readonly nodes: number;
  /** Of the others, those that did not listen to what was last said to them. */
  readonly nodesUnreachable: number;
  /** How long this node may still believe that nobody declared it dead; not below 0. */
  readonly leaseRemainingMs: number;
  /** Since it last heard its own voice through the store. */
  readonly silenceMs: number;
  /** Said to other nodes, of which the store has not said how many listened. */
  readonly unacknowledgedBytes: number;
  /** SUBSCRIBED and REGISTERED that wait for other nodes. */
  readonly pendingBarriers: number;
  /** Topics and patterns that other nodes want, all realms together. */
  readonly mirrorTopics: number;
  readonly mirrorRegistrations: number;
  /** Changes heard of but not applied, of the realm that is furthest behind. */
  readonly mirrorVersionLag: number;
}
