import type { Frame } from '../../routing/frames.js';
import type { Publication } from '../../routing/ports.js';
import type { NodeId, Uri } from '../../wamp/ids.js';
import type { Lane } from './lane.js';
import type { SharedDirectory } from './directory.js';

/** What one node says to another through their lane. */
export type NodeMessage =
  | { readonly kind: 'publication'; readonly realm: Uri; readonly publication: Publication }
  | { readonly kind: 'frame'; readonly realm: Uri; readonly frame: Frame }
  /** The sender has every change up to this revision. */
  | { readonly kind: 'confirmed'; readonly revision: number }
  /** The sender has missed something of the receiver, perhaps a confirmation. */
  | { readonly kind: 'missed' };

/** The hub as one of its nodes sees it. */
export interface HubPort<Node> {
  readonly directory: SharedDirectory;
  /** Live nodes, this one included. */
  readonly liveCount: number;
  /** Undefined: no such node any more. */
  lane(from: NodeId, to: NodeId): Lane<NodeMessage> | undefined;
  canReach(from: NodeId, to: NodeId): boolean;
  /** It lives and can be reached: what it holds, it keeps. */
  isPresent(from: NodeId, node: NodeId): boolean;
  /** The directory has lost its rows, and not every node has written its own again. */
  readonly isEmptied: boolean;
  /** Runs `step` when the directory is whole: at once if it is, in the order asked. */
  whenWhole(node: NodeId, step: () => void): void;
  after(delayMs: number, action: () => void): () => void;
  readonly takeoverMs: number;
  enter(node: Node): void;
  leave(node: Node): void;
  /** Tells the sender, later, that the message did not arrive. */
  giveBack(from: NodeId, to: NodeId, message: NodeMessage): void;
  count(what: 'refused' | 'lost'): void;
}
