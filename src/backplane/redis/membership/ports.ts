import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId, Uri } from '../../../wamp/ids.js';
import type { Keys } from '../keys.js';
import type { Store } from '../ports.js';
import type { NodeRow } from './changes.js';
import type { PeerCounters } from './peers.js';

/** Receives the other nodes as they come and go. Each method is called one at a time and must not throw. */
export interface PeerEvents {
  /** Another node has entered. `reads` is empty when this node does not understand its row. */
  entered(node: NodeId, reads: readonly number[]): void;
  /** The rows of the node are removed. Once per node, and not before `entered`, which is never called for an unlisted node (see Peers). */
  gone(node: NodeId): void;
}

/** Receives what becomes of this node. Each method is called one at a time and must not throw. */
export interface OwnMembershipEvents {
  /** A message claims that this node was declared dead. Anybody may send one. */
  denied(): void;
  /** This node was declared dead: it must write nothing more. Its rows are about to be removed. Once. */
  declaredDead(): void;
  /** After `declaredDead`: this node has removed its rows as far as it could. Once, and last. */
  fenced(): void;
  /** The store had lost its data, and this node has entered again: its realms and sessions are to be written again. */
  storeLost(): void;
}

/** Removes rows of a node, another one or this one. */
export interface NodeRows {
  /** Removes the node's rows from a realm. Repeatable. */
  withdrawRealm(node: NodeId, realm: Uri): Promise<void>;
  /** Removes the node's sessions. Repeatable. */
  forgetSessions(node: NodeId): Promise<void>;
}

/** Asks the store whether inboxes have listeners. */
export interface InboxListeners {
  /** Whether the inbox of each of the nodes has a listener. Undefined: the store does not know. Rejects with BackplaneUnavailableError. */
  haveListeners(nodes: readonly NodeId[]): Promise<readonly boolean[] | undefined>;
}

/** Reports a request that failed and is tried again later, or left to other nodes. */
export type ReportFailure = (operation: string, cause: unknown) => void;

export interface MembershipOptions {
  readonly node: NodeId;
  readonly row: NodeRow;
  readonly store: Store;
  readonly keys: Keys;
  /** Monotonic, and goes on while the process is stopped. */
  readonly nowMs: () => number;
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly counters: PeerCounters & Pick<ClusterCounters, 'leases' | 'nodesReaped' | 'messagesIgnored'>;
  readonly leaseMs: number;
  readonly renewMs: number;
  /** How long the inbox of a node that does not renew may have no listener. 0: only leases count. */
  readonly absentMs: number;
  readonly rows: NodeRows;
  readonly peers: PeerEvents;
  readonly own: OwnMembershipEvents;
  readonly failed: ReportFailure;
  /** Where the server with the rows of the nodes does not know the listeners of inboxes. */
  readonly listeners?: InboxListeners;
}

export type RenewalOutcome = 'renewed' | 'fenced' | 'emptied';
