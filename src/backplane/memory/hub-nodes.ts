import type { NodeId } from '../../wamp/ids.js';
import { type DirectoryChange, SharedDirectory, type SharedDirectoryOptions } from './directory.js';
import { SharedEventHistory } from './event-history.js';
import { SharedExpiringState } from './expiring-store.js';
import { Lane, type LaneOptions, type Scheduler } from './lane.js';
import type { FaultPort, HubFaults, HubMember, HubPort, NodeMessage } from './port.js';
import { MemoryRecovery } from './recovery.js';
import { SharedRetainedEvents } from './retained-events.js';

export interface HubNodesOptions {
  readonly schedule: Scheduler;
  readonly laneLimitCount: number;
  readonly batchCount: number;
  readonly deriveRegistrationId: SharedDirectoryOptions['deriveRegistrationId'];
  readonly after: (delayMs: number, action: () => void) => () => void;
  readonly takeoverMs: number;
  readonly nowMs: () => number;
  readonly faults: ((port: FaultPort) => HubFaults) | undefined;
}

/** The sender of changes of the directory. */
const DIRECTORY = 'directory' as NodeId;

const NO_FAULTS: HubFaults = {
  isIsolated: () => false,
  canReach: () => true,
  forget: () => undefined,
};

/** The nodes of a hub, the directory they share, and the lanes between them. */
export class HubNodes implements HubPort, FaultPort {
  readonly directory: SharedDirectory;
  readonly expiring: SharedExpiringState;
  readonly retained: SharedRetainedEvents;
  readonly history = new SharedEventHistory(Date.now);
  readonly nodes = new Map<NodeId, HubMember>();
  readonly counts = { refused: 0, lost: 0 };
  readonly takeoverMs: number;
  readonly #options: HubNodesOptions;
  readonly #faults: HubFaults;
  readonly #feeds = new Map<NodeId, Lane<DirectoryChange>>();
  /** Changes under way to a node behind which the beginning or the end of a topic has its place. */
  readonly #edgesUnderWay = new Map<NodeId, number>();
  /** Keys: the sender, then the receiver. */
  readonly #lanes = new Map<NodeId, Map<NodeId, Lane<NodeMessage>>>();
  readonly #recovery = new MemoryRecovery();

  constructor(options: HubNodesOptions) {
    this.#options = options;
    this.takeoverMs = options.takeoverMs;
    this.expiring = new SharedExpiringState(options.nowMs);
    this.retained = new SharedRetainedEvents(options.nowMs);
    const { deriveRegistrationId } = options;
    this.directory = new SharedDirectory({
      notify: (to, change) => this.#notify(to, change),
      hasEveryEdge: (node) => !this.#edgesUnderWay.has(node),
      ...(deriveRegistrationId !== undefined && { deriveRegistrationId }),
    });
    this.#faults = options.faults?.(this) ?? NO_FAULTS;
  }

  get liveCount(): number {
    return this.nodes.size;
  }

  get isRecovering(): boolean {
    return this.#recovery.isUnderWay;
  }

  whenRecovered(node: NodeId, step: () => void): void {
    this.#recovery.whenDone(node, step);
  }

  beginRecovery(): void {
    this.#recovery.begin(this.nodes.keys());
  }

  endRecovery(node: NodeId): void {
    this.#recovery.end(node);
  }

  after(delayMs: number, action: () => void): () => void {
    return this.#options.after(delayMs, action);
  }

  later(node: NodeId, action: () => void): void {
    this.#options.schedule(DIRECTORY, node, action);
  }

  count(what: 'refused' | 'lost'): void {
    this.counts[what]++;
  }

  canReach(from: NodeId, to: NodeId): boolean {
    return this.#faults.canReach(from, to);
  }

  isPresent(from: NodeId, node: NodeId): boolean {
    return this.canReach(from, node) && this.nodes.get(node)?.isOver === false;
  }

  enter(node: HubMember): void {
    const id = node.node;
    this.nodes.set(id, node);
    // Without a bound: the receiver is this process, and a lost change would need a reload of the realm.
    this.#feeds.set(
      id,
      new Lane<DirectoryChange>(this.#laneOptions(DIRECTORY, id, Infinity), (change) => {
        if (change === undefined) return undefined;
        this.#receiveChange(node, change);
        if (isBeforeEdges(change)) this.#countEdge(id, -1);
        return undefined;
      }),
    );
    this.directory.enter(id);
  }

  leave(node: HubMember): void {
    // A node that is isolated cannot notify the others that it leaves.
    const isClean = !this.#faults.isIsolated(node.node);
    this.#faults.forget(node.node);
    this.remove(node, isClean);
  }

  remove(node: HubMember, isClean: boolean): void {
    const id = node.node;
    if (this.nodes.get(id) !== node) return;
    this.nodes.delete(id);
    this.#feeds.get(id)?.close();
    this.#feeds.delete(id);
    this.#edgesUnderWay.delete(id);
    for (const [from, lanes] of this.#lanes) {
      lanes.get(id)?.close();
      this.#forgetLane(from, id);
    }
    this.directory.removeNode(id, isClean, isClean || this.lacksRows(id) ? undefined : this.#survivor());
    this.#recovery.forget(id);
  }

  lacksRows(node: NodeId): boolean {
    return this.#recovery.isMissing(node);
  }

  /** Removes the rows of a dead node: one that reaches the store, if any does. */
  #survivor(): NodeId | undefined {
    const alive = [...this.nodes.values()].filter(({ isOver }) => !isOver).map(({ node }) => node);
    return alive.find((node) => !this.#faults.isIsolated(node)) ?? alive[0];
  }

  dropCallees(node: NodeId): void {
    this.directory.dropCallees(node);
  }

  returnToSender(from: NodeId, to: NodeId, message: NodeMessage): void {
    const sender = this.nodes.get(from);
    if (sender === undefined || message.kind !== 'frame') return;
    const { realm, frame } = message;
    this.#options.schedule(to, from, () => sender.notifyReturned(to, realm, frame));
  }

  feed(node: NodeId): Lane<DirectoryChange> | undefined {
    return this.#feeds.get(node);
  }

  lane(from: NodeId, to: NodeId): Lane<NodeMessage> | undefined {
    const known = this.#lanes.get(from)?.get(to);
    if (known !== undefined) return known;
    const receiver = this.nodes.get(to);
    if (receiver === undefined || !this.nodes.has(from)) return undefined;
    const options = this.#laneOptions(from, to, this.#options.laneLimitCount);
    const lane = new Lane<NodeMessage>(options, (message) => receiver.receive(from, message));
    if (!this.canReach(from, to) || this.#faults.isIsolated(from)) lane.hold();
    const lanes = this.#lanes.get(from);
    if (lanes === undefined) this.#lanes.set(from, new Map([[to, lane]]));
    else lanes.set(to, lane);
    return lane;
  }

  lanesOf(node: NodeId): Lane<NodeMessage>[] {
    const inbound = [...this.#lanes.values()].map((lanes) => lanes.get(node)).filter((lane) => lane !== undefined);
    return [...(this.#lanes.get(node)?.values() ?? []), ...inbound];
  }

  #notify(to: NodeId, change: DirectoryChange): void {
    const feed = this.#feeds.get(to);
    if (feed === undefined) return;
    if (isBeforeEdges(change)) this.#countEdge(to, 1);
    feed.push(change);
  }

  #countEdge(node: NodeId, change: number): void {
    const count = (this.#edgesUnderWay.get(node) ?? 0) + change;
    if (count > 0) this.#edgesUnderWay.set(node, count);
    else this.#edgesUnderWay.delete(node);
  }

  #receiveChange(node: HubMember, change: DirectoryChange): void {
    if (change.kind === 'unwatch' || change.kind === 'withdrawn') {
      // Earlier publications of the node arrive before the change, or never.
      const lane = this.#lanes.get(change.node)?.get(node.node);
      if (change.kind === 'withdrawn' && change.isDead) lane?.end();
      else lane?.flush();
    }
    // Every node receives the messages of the dead node before the events that this node publishes for its sessions.
    if (change.kind === 'sessions_lost') for (const lane of this.#lanes.get(change.node)?.values() ?? []) lane.flush();
    node.receiveChange(change);
    if (change.kind !== 'gone') return;
    const lane = this.#lanes.get(change.node)?.get(node.node);
    const finish = (): void => {
      lane?.end();
      this.#forgetLane(change.node, node.node);
      node.notifyGone(change.node);
    };
    // Messages of a node that left cleanly arrive before the others are notified that it has gone.
    if (change.isClean && lane !== undefined) lane.whenEmpty(finish);
    else finish();
  }

  #laneOptions(from: NodeId, to: NodeId, limitCount: number): LaneOptions {
    const { schedule, batchCount } = this.#options;
    return { from, to, schedule, batchCount, limitCount };
  }

  #forgetLane(from: NodeId, to: NodeId): void {
    const lanes = this.#lanes.get(from);
    lanes?.delete(to);
    if (lanes?.size === 0) this.#lanes.delete(from);
  }
}

function isBeforeEdges(change: DirectoryChange): boolean {
  // Publications that the node had sent come with it.
  if (change.kind === 'withdrawn') return true;
  return (change.kind === 'watch' || change.kind === 'unwatch') && change.edge !== undefined;
}
