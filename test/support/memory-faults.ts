import type { NodeId } from '../../src/wamp/ids.js';
import { MemoryHub, type MemoryHubOptions } from '../../src/backplane/memory/hub.js';
import type { Lane } from '../../src/backplane/memory/lane.js';
import type { FaultPort, HubFaults, HubMember, NodeMessage } from '../../src/backplane/memory/port.js';

/** A hub whose nodes and lanes can fail. */
export class FaultyHub extends MemoryHub {
  readonly faults: MemoryFaults;

  constructor(options: MemoryHubOptions = {}) {
    let made: MemoryFaults | undefined;
    super({ ...options, faults: (port) => (made = new MemoryFaults(port)) });
    if (made === undefined) throw new Error('the hub has made no faults');
    this.faults = made;
  }
}

/** What tests do to the nodes of a hub and to the ways between them. */
export class MemoryFaults implements HubFaults {
  readonly #hub: FaultPort;
  readonly #isolated = new Set<NodeId>();
  /** Pairs that cannot reach each other, by either. */
  readonly #disconnected = new Map<NodeId, Set<NodeId>>();
  /** Declared dead while they were cut off: they learn of it when they are back. */
  readonly #deadWhileIsolated = new Map<NodeId, HubMember>();
  /** They have noticed that the directory was emptied, and have not written all again. */
  readonly #writing = new Set<NodeId>();

  constructor(hub: FaultPort) {
    this.#hub = hub;
  }

  isIsolated(node: NodeId): boolean {
    return this.#isolated.has(node);
  }

  /** Messages of `from`, which is not cut off itself, for `to` may arrive. */
  canReach(from: NodeId, to: NodeId): boolean {
    return !this.#isolated.has(to) && this.#disconnected.get(from)?.has(to) !== true;
  }

  /**
   * The node dies in silence: it receives and sends nothing any more. Of its messages to each node that are under way, the
   * first `keptCount` still arrive. The others learn of its death from `declareDead`.
   */
  kill(node: NodeId, keptCount = 0): void {
    for (const lane of this.#hub.lanesOf(node)) {
      if (lane.to === node) lane.close();
      else lane.cut(keptCount);
    }
    this.#hub.feed(node)?.close();
    this.#hub.nodes.get(node)?.end(false);
  }

  /**
   * Its lease has run out: its rows are removed and every other node receives `nodeGone`. It may be alive: nobody listens,
   * and it receives `fenced`, soon or when it is healed.
   */
  declareDead(node: NodeId): void {
    const dead = this.#hub.nodes.get(node);
    if (dead === undefined) return;
    const wasIsolated = this.#isolated.delete(node);
    this.#hub.remove(dead, false);
    if (wasIsolated) {
      this.#deadWhileIsolated.set(node, dead);
      dead.expire();
    } else if (dead.fence()) this.#hub.later(node, () => dead.notifyFenced());
  }

  /**
   * The node loses the directory and all other nodes; messages under way in both directions are lost. With `returns`, the
   * frames that others sent to it go back to them.
   */
  isolate(node: NodeId, { returns = false } = {}): void {
    const isolated = this.#hub.nodes.get(node);
    if (isolated === undefined || this.#isolated.has(node)) return;
    this.#isolated.add(node);
    for (const lane of this.#hub.lanesOf(node)) this.#cut(lane, returns && lane.to === node);
    this.#hub.feed(node)?.hold();
    isolated.isolate();
  }

  /**
   * The node is back. Gaps report the losses of the meantime, and it catches up with the directory; or it learns that it
   * was declared dead.
   */
  heal(node: NodeId): void {
    const dead = this.#deadWhileIsolated.get(node);
    if (dead !== undefined) {
      this.#deadWhileIsolated.delete(node);
      if (dead.fence()) dead.notifyFenced();
    }
    this.#rejoin(node);
    if (this.#isolated.delete(node)) {
      this.#hub.nodes.get(node)?.heal();
      this.#hub.feed(node)?.resume();
      if (!this.#writing.has(node)) this.#hub.endRecovery(node);
    }
    for (const lane of this.#hub.lanesOf(node))
      if (this.canReach(lane.from, lane.to) && !this.#isolated.has(lane.from)) lane.resume();
  }

  /**
   * The two cannot reach each other, and everything else can; what is under way between them is lost, or goes back with
   * `returns`. `heal` of either ends it.
   */
  disconnect(one: NodeId, other: NodeId, { returns = false } = {}): void {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const lane = this.#hub.lane(from, to);
      if (lane === undefined || this.#disconnected.get(from)?.has(to) === true) continue;
      this.#disconnected.set(from, (this.#disconnected.get(from) ?? new Set()).add(to));
      this.#cut(lane, returns);
    }
  }

  /** The directory has lost all its rows. Each node writes its own again: soon, or when it is no longer cut off. */
  empty(): void {
    const nodes = [...this.#hub.nodes.keys()];
    this.#hub.beginRecovery();
    for (const node of nodes) {
      this.#writing.add(node);
      this.#hub.later(node, () => {
        this.#writing.delete(node);
        if (!this.#isolated.has(node) && this.#hub.nodes.get(node)?.isOver === false) this.#hub.endRecovery(node);
      });
    }
  }

  /** The directory has lost rows of the node, and the node has not written them again. */
  lacksRows(node: NodeId): boolean {
    return this.#hub.lacksRows(node);
  }

  /** Another node, or the directory, cannot be reached from the node. */
  isCutOff(node: NodeId): boolean {
    return this.#isolated.has(node) || (this.#disconnected.get(node)?.size ?? 0) > 0;
  }

  /** The node is no longer there to be healed. */
  forget(node: NodeId): void {
    this.#isolated.delete(node);
    this.#deadWhileIsolated.delete(node);
    this.#rejoin(node);
  }

  /** What a store that lost its rows does to a node whose procedures others have taken before it wrote them again. */
  loseCallees(node: NodeId): void {
    this.#hub.dropCallees(node);
  }

  /** The next messages from `from` to `to` do not arrive; `to` receives the gap in their place. */
  loseNext(from: NodeId, to: NodeId, count = 1): void {
    this.#hub.lane(from, to)?.loseNext(count);
  }

  /** The next messages of `from` for `to` have no subscriber: frames go back, publications are refused. */
  returnNext(from: NodeId, to: NodeId, count = 1): void {
    this.#hub.lane(from, to)?.returnNext(count);
  }

  #cut(lane: Lane<NodeMessage>, returns: boolean): void {
    if (returns) for (const message of lane.waiting) this.#hub.returnToSender(lane.from, lane.to, message);
    if (lane.cut(0)) lane.lose();
    lane.hold();
  }

  #rejoin(node: NodeId): void {
    for (const other of this.#disconnected.get(node) ?? []) this.#disconnected.get(other)?.delete(node);
    this.#disconnected.delete(node);
  }
}
