import type { NodeId } from '../wamp/ids.js';
import type { Lane } from './lane.js';
import type { Change } from './memory-directory.js';
import type { MemoryNode, NodeMessage } from './memory-node.js';

/** What the faults need of the hub. */
export interface FaultPort {
  node(id: NodeId): MemoryNode | undefined;
  lane(from: NodeId, to: NodeId): Lane<NodeMessage> | undefined;
  /** To and from the node. */
  lanesOf(id: NodeId): readonly Lane<NodeMessage>[];
  feed(id: NodeId): Lane<Change> | undefined;
  bury(node: MemoryNode, isClean: boolean): void;
}

/** What tests do to the nodes of a hub and to the ways between them. */
export class MemoryFaults {
  readonly #hub: FaultPort;
  readonly #isolated = new Set<NodeId>();

  constructor(hub: FaultPort) {
    this.#hub = hub;
  }

  isIsolated(node: NodeId): boolean {
    return this.#isolated.has(node);
  }

  /**
   * The node dies in silence: it hears and says nothing any more. Of what it had said to each node but which was not
   * delivered, the first `keptCount` messages still arrive. The others learn of it from `declareDead`.
   */
  kill(node: NodeId, keptCount = 0): void {
    for (const lane of this.#hub.lanesOf(node)) {
      if (lane.to === node) lane.close();
      else lane.cut(keptCount);
    }
    this.#hub.feed(node)?.close();
    this.#hub.node(node)?.end(false);
  }

  /** Its lease has run out: its rows vanish and every other node hears `nodeGone`. It may be alive: nobody listens. */
  declareDead(node: NodeId): void {
    const dead = this.#hub.node(node);
    if (dead === undefined) return;
    this.forget(node);
    this.#hub.bury(dead, false);
    dead.end(true);
  }

  /** The node loses the directory and all other nodes; what is under way either way is lost. */
  isolate(node: NodeId): void {
    const isolated = this.#hub.node(node);
    if (isolated === undefined || this.#isolated.has(node)) return;
    this.#isolated.add(node);
    for (const lane of this.#hub.lanesOf(node)) {
      if (lane.cut(0)) lane.lose();
      lane.hold();
    }
    this.#hub.feed(node)?.hold();
    isolated.isolate();
  }

  /** The node is back. What was lost meanwhile is reported as gaps, and it catches up with the directory. */
  heal(node: NodeId): void {
    if (!this.#isolated.delete(node)) return;
    this.#hub.node(node)?.heal();
    this.#hub.feed(node)?.resume();
    for (const lane of this.#hub.lanesOf(node))
      if (!this.#isolated.has(lane.from) && !this.#isolated.has(lane.to)) lane.resume();
  }

  /** The node is no longer there to be healed. */
  forget(node: NodeId): void {
    this.#isolated.delete(node);
  }

  /** The next messages `from` says to `to` do not arrive; `to` is told of the gap where they would have. */
  loseNext(from: NodeId, to: NodeId, count = 1): void {
    this.#hub.lane(from, to)?.loseNext(count);
  }
}
