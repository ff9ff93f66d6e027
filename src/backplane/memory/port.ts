import type { Frame } from '../../routing/frames.js';
import type { Publication } from '../../routing/ports.js';
import type { Rest } from '../../routing/rest.js';
import type { NodeId, Uri } from '../../wamp/ids.js';
import type { Answer, Question } from '../question.js';
import type { DirectoryChange, SharedDirectory } from './directory.js';
import type { SharedEventHistory } from './event-history.js';
import type { SharedExpiringState } from './expiring-store.js';
import type { Lane } from './lane.js';
import type { SharedRetainedEvents } from './retained-events.js';

/** A message from one node to another through their lane. */
export type NodeMessage =
  | { readonly kind: 'publication'; readonly realm: Uri; readonly publication: Publication }
  | { readonly kind: 'frame'; readonly realm: Uri; readonly frame: Frame }
  | Question
  | Answer
  /** The sender has every change up to this version. */
  | { readonly kind: 'confirmed'; readonly version: number }
  /** The sender has missed a message of the receiver, perhaps a confirmation. */
  | { readonly kind: 'missed' };

/** The hub as one of its nodes sees it. */
export interface HubPort {
  readonly directory: SharedDirectory;
  readonly expiring: SharedExpiringState;
  readonly retained: SharedRetainedEvents;
  readonly history: SharedEventHistory;
  /** Live nodes, this one included. */
  readonly liveCount: number;
  /** Undefined: the node has gone. */
  lane(from: NodeId, to: NodeId): Lane<NodeMessage> | undefined;
  canReach(from: NodeId, to: NodeId): boolean;
  /** The node lives and can be reached: it keeps what it holds. */
  isPresent(from: NodeId, node: NodeId): boolean;
  /** The directory has lost its rows, and not every node has written its own again. */
  readonly isRecovering: boolean;
  /** Runs `step` once every node has written its rows again: at once if nothing is missing, in the order asked. */
  whenRecovered(node: NodeId, step: () => void): void;
  after(delayMs: number, action: () => void): () => void;
  readonly takeoverMs: number;
  enter(node: HubMember): void;
  leave(node: HubMember): void;
  /** Notifies the sender, later, that the message did not arrive. */
  returnToSender(from: NodeId, to: NodeId, message: NodeMessage): void;
  count(what: 'refused' | 'lost'): void;
}

/** A node as the hub sees it. */
export interface HubMember {
  readonly node: NodeId;
  /** It takes no part any more. */
  readonly isOver: boolean;
  receiveChange(change: DirectoryChange): void;
  /** Undefined: a message of `from` was lost. */
  receive(from: NodeId, message: NodeMessage | undefined): Rest | undefined;
  notifyGone(node: NodeId): void;
  notifyReturned(to: NodeId, realm: Uri, frame: Frame): void;
  interestedNodes(realm: Uri): readonly NodeId[];

  // Called by faults.
  /** Other nodes and the directory are out of reach. */
  isolate(): void;
  heal(): void;
  /** Declared dead while it is isolated: the others do not wait for it any more. */
  expire(): void;
  /** The others have declared it dead: it takes no part any more. False: it did not live, or has left. */
  fence(): boolean;
  notifyFenced(): void;
  /** It takes no part any more. With `isKnown` those who wait for it are answered; a node that died answers nobody. */
  end(isKnown: boolean): void;
}

/** Faults between the nodes of a hub. Without faults every node reaches every other. */
export interface HubFaults {
  isIsolated(node: NodeId): boolean;
  /** A message of `from`, which is not isolated itself, may arrive at `to`. */
  canReach(from: NodeId, to: NodeId): boolean;
  /** The node has left: there is nothing to heal any more. */
  forget(node: NodeId): void;
}

/** The hub as faults see it. */
export interface FaultPort {
  /** Nodes that have entered and are not known to be gone. */
  readonly nodes: ReadonlyMap<NodeId, HubMember>;
  lane(from: NodeId, to: NodeId): Lane<NodeMessage> | undefined;
  /** The lanes to and from the node. */
  lanesOf(node: NodeId): readonly Lane<NodeMessage>[];
  /** Changes of the directory on their way to the node. */
  feed(node: NodeId): Lane<DirectoryChange> | undefined;
  /** Removes the node and its rows, and notifies the others. */
  remove(node: HubMember, isClean: boolean): void;
  /** Every callee of the node loses its procedures, as if others had taken them before the node wrote its rows again. */
  dropCallees(node: NodeId): void;
  /** The directory has lost all rows. */
  beginRecovery(): void;
  /** The node has written its rows again. */
  endRecovery(node: NodeId): void;
  /** The directory has lost rows of the node, and the node has not written them again. */
  lacksRows(node: NodeId): boolean;
  /** Runs `action` at some later time, as if the directory had notified the node. */
  later(node: NodeId, action: () => void): void;
  returnToSender(from: NodeId, to: NodeId, message: NodeMessage): void;
}
