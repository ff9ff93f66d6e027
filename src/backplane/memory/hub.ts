import type { deriveId } from '../../routing/derived-id.js';
import { after as afterDelay } from '../../util/timeout.js';
import type { NodeId, Uri } from '../../wamp/ids.js';
import type { Backplane } from '../backplane.js';
import { Lane, oncePerTurn, type Scheduler } from './lane.js';
import { SharedDirectory, type Change } from './directory.js';
import { MemoryFaults } from './faults.js';
import { MemoryNode } from './node.js';
import type { HubPort, NodeMessage } from './port.js';
import { MemoryRecovery } from './recovery.js';

export interface MemoryHubOptions {
  /** When each lane delivers; once per turn of the event loop without it. */
  readonly schedule?: Scheduler;
  /** Messages under way from one node to another at most: beyond it publications are refused, frames lost by name. */
  readonly laneLimitCount?: number;
  /** Messages a lane delivers at a time at most. */
  readonly batchCount?: number;
  readonly deriveRegistrationId?: typeof deriveId;
  /** Runs `action` once after `delayMs`; the returned function cancels it. */
  readonly after?: (delayMs: number, action: () => void) => () => void;
  /** How long a claim waits for the verdict on a node that holds what it wants and does not answer. */
  readonly takeoverMs?: number;
}

const DEFAULT_TAKEOVER_MS = 10_000;

/** The sender of what the directory tells a node. */
const DIRECTORY = 'directory' as NodeId;

const DEFAULT_LANE_LIMIT_COUNT = 65_536;

/**
 * The backplane inside one process: joins any number of nodes (D1). A node alone pays nothing for it. Each node has
 * mirrors of its own, changed only by what reached it; the decisions of the directory are made in one place.
 */
export class MemoryHub {
  readonly faults: MemoryFaults;
  /** `refused`: publications that could not be said to every interested node. `lost`: gaps that were reported. */
  readonly counts = { refused: 0, lost: 0 };
  readonly #options: Required<Omit<MemoryHubOptions, 'deriveRegistrationId'>>;
  readonly #directory: SharedDirectory;
  readonly #nodes = new Map<NodeId, MemoryNode>();
  readonly #joined = new Set<NodeId>();
  readonly #feeds = new Map<NodeId, Lane<Change>>();
  /** By sender, then receiver. */
  readonly #lanes = new Map<NodeId, Map<NodeId, Lane<NodeMessage>>>();
  readonly #port: HubPort<MemoryNode>;
  readonly #recovery = new MemoryRecovery();

  constructor(options: MemoryHubOptions = {}) {
    const { schedule, laneLimitCount, batchCount, deriveRegistrationId, after, takeoverMs } = options;
    this.#options = {
      schedule: schedule ?? oncePerTurn,
      laneLimitCount: laneLimitCount ?? DEFAULT_LANE_LIMIT_COUNT,
      batchCount: batchCount ?? Infinity,
      after: after ?? afterDelay,
      takeoverMs: takeoverMs ?? DEFAULT_TAKEOVER_MS,
    };
    const tell = (to: NodeId, change: Change): void => void this.#feeds.get(to)?.push(change);
    this.#directory = new SharedDirectory(
      deriveRegistrationId === undefined ? { tell } : { tell, deriveRegistrationId },
    );
    this.faults = new MemoryFaults({
      node: (id) => this.#nodes.get(id),
      lane: (from, to) => this.#lane(from, to),
      lanesOf: (id) => this.#lanesOf(id),
      feed: (id) => this.#feeds.get(id),
      bury: (node, isClean) => this.#bury(node, isClean),
      dropCallees: (node) => this.#directory.dropCallees(node),
      nodes: () => this.#nodes.keys(),
      recovery: this.#recovery,
      later: (node, action) => this.#options.schedule(DIRECTORY, node, action),
      giveBack: (from, to, message) => this.#giveBack(from, to, message),
    });
    this.#port = this.#makePort();
  }

  /** A backplane for a node of this name, live from its `start` on. A name serves once. */
  join(node: NodeId): Backplane {
    if (this.#joined.has(node)) throw new Error(`a node named ${node} has joined this hub before`);
    this.#joined.add(node);
    return new MemoryNode(node, this.#port);
  }

  /** What the directory still holds of a node: 0 once it has gone (G5). */
  rowCount(node: NodeId): number {
    return this.#directory.rowCount(node);
  }

  /** The nodes that `node` believes to be interested in something of the realm. */
  interestedNodes(node: NodeId, realm: Uri): readonly NodeId[] {
    return this.#nodes.get(node)?.interestedNodes(realm) ?? [];
  }

  #makePort(): HubPort<MemoryNode> {
    const nodes = this.#nodes;
    const recovery = this.#recovery;
    return {
      directory: this.#directory,
      get liveCount() {
        return nodes.size;
      },
      lane: (from, to) => this.#lane(from, to),
      canReach: (from, to) => this.faults.canReach(from, to),
      isPresent: (from, node) => this.faults.canReach(from, node) && nodes.get(node)?.isOver === false,
      get isEmptied() {
        return recovery.isUnderWay;
      },
      whenWhole: (node, step) => recovery.whenWhole(node, step),
      after: this.#options.after,
      takeoverMs: this.#options.takeoverMs,
      enter: (node) => this.#enter(node),
      leave: (node) => this.#leave(node),
      giveBack: (from, to, message) => this.#giveBack(from, to, message),
      count: (what) => {
        this.counts[what]++;
      },
    };
  }

  #enter(node: MemoryNode): void {
    const { schedule, batchCount } = this.#options;
    const id = node.node;
    this.#nodes.set(id, node);
    // Without a bound: the receiver is this process, and a lost change would need a reload of the realm.
    const options = { from: DIRECTORY, to: id, schedule, batchCount, limitCount: Infinity };
    this.#feeds.set(
      id,
      new Lane<Change>(options, (change) => {
        if (change !== undefined) this.#receiveChange(node, change);
      }),
    );
    this.#directory.enter(id);
  }

  #receiveChange(node: MemoryNode, change: Change): void {
    node.receiveChange(change);
    if (change.kind !== 'gone') return;
    const lane = this.#lanes.get(change.node)?.get(node.node);
    const finish = (): void => {
      lane?.close();
      this.#forgetLane(change.node, node.node);
      node.sayGone(change.node);
    };
    // A node that left cleanly has been heard out before the others hear that it has gone.
    if (change.isClean && lane !== undefined) lane.whenEmpty(finish);
    else finish();
  }

  #leave(node: MemoryNode): void {
    // Whoever is cut off cannot say farewell.
    const isClean = !this.faults.isIsolated(node.node);
    this.faults.forget(node.node);
    this.#bury(node, isClean);
  }

  #bury(node: MemoryNode, isClean: boolean): void {
    const id = node.node;
    if (this.#nodes.get(id) !== node) return;
    this.#nodes.delete(id);
    this.#feeds.get(id)?.close();
    this.#feeds.delete(id);
    for (const [from, lanes] of this.#lanes) {
      lanes.get(id)?.close();
      this.#forgetLane(from, id);
    }
    this.#directory.bury(id, isClean);
    this.#recovery.forget(id);
  }

  #giveBack(from: NodeId, to: NodeId, message: NodeMessage): void {
    const sender = this.#nodes.get(from);
    if (sender === undefined || message.kind !== 'frame') return;
    const { realm, frame } = message;
    this.#options.schedule(to, from, () => sender.sayReturned(to, realm, frame));
  }

  #lane(from: NodeId, to: NodeId): Lane<NodeMessage> | undefined {
    const known = this.#lanes.get(from)?.get(to);
    if (known !== undefined) return known;
    const receiver = this.#nodes.get(to);
    if (receiver === undefined || !this.#nodes.has(from)) return undefined;
    const { schedule, batchCount, laneLimitCount } = this.#options;
    const options = { from, to, schedule, batchCount, limitCount: laneLimitCount };
    const lane = new Lane<NodeMessage>(options, (message) => receiver.receive(from, message));
    if (!this.faults.canReach(from, to) || this.faults.isIsolated(from)) lane.hold();
    const lanes = this.#lanes.get(from);
    if (lanes === undefined) this.#lanes.set(from, new Map([[to, lane]]));
    else lanes.set(to, lane);
    return lane;
  }

  #forgetLane(from: NodeId, to: NodeId): void {
    const lanes = this.#lanes.get(from);
    lanes?.delete(to);
    if (lanes?.size === 0) this.#lanes.delete(from);
  }

  #lanesOf(node: NodeId): Lane<NodeMessage>[] {
    const inbound = [...this.#lanes.values()].map((lanes) => lanes.get(node)).filter((lane) => lane !== undefined);
    return [...(this.#lanes.get(node)?.values() ?? []), ...inbound];
  }
}
