import type { NodeId } from '../../../wamp/ids.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import type { RealmReplicaOptions } from './ports.js';
import type { ReplicaMachine } from './replica-machine.js';
import type { ReplicaParts } from './replica-parts.js';
import { hasStoreLost, isLive, keptRows, type ReplicaState } from './replica-state.js';
import { enterRealm, markComplete, withdrawAll, type RealmEnterReply } from './scripts.js';
import { readRealm, type RealmSnapshot } from './snapshot.js';

/** Readings of one realm at most, before the replica leaves it alone for a while. */
const MAX_LOADS = 5;

/** A reading that has begun with another step: its reply names the nodes, `floor` is the version known when it was sent. */
interface Begun {
  readonly head: Promise<RealmEnterReply>;
  readonly floor: number;
}

/** Reads a realm into its mirror, and makes the store have the rows of this node. */
export class ReplicaRepair {
  readonly #options: RealmReplicaOptions;
  readonly #machine: ReplicaMachine;
  readonly #parts: ReplicaParts;

  constructor(options: RealmReplicaOptions, machine: ReplicaMachine, parts: ReplicaParts) {
    this.#options = options;
    this.#machine = machine;
    this.#parts = parts;
  }

  /** Makes the mirror follow the realm. Repairs, if it shows that the store has lost data. */
  async reload(): Promise<void> {
    if (this.#parts.follower.isFollowing) return;
    if ((await this.#load(false)) === undefined) await this.repair();
  }

  /** Enters the realm, reads it, and compares the rows of this node with the store's. */
  async repair(): Promise<void> {
    const { node, membership } = this.#options;
    const { store, mirror, follower, rows } = this.#parts;
    await rows.pause();
    const hasBegun = this.#machine.on({ kind: 'repair-begun' });
    if (!hasBegun || membership.isGone(node)) throw this.#machine.unavailable('entering a realm');
    const step = store.step();
    // The follower keeps changes after this step for the load, which reads nothing that the step has read.
    follower.begin();
    const { stream } = follower;
    // Also when the reading fails: the next repair finds the node entered.
    const head = store.run(enterRealm, step).then((reply) => {
      this.#entered(reply, stream);
      return reply;
    });
    const snapshot = await this.#load(true, { head, floor: step.floor });
    if (snapshot?.nodes.has(node) !== true) throw this.#lostMeanwhile('entering a realm');
    this.#machine.on({ kind: 'snapshot-taken' });
    this.#withdraw(snapshot.ghosts);
    await rows.repair(snapshot);
    mirror.removeUnwanted((member, session) => rows.isHeld(member, session));
    await this.#markComplete();
    const isDisturbed = isRepairDisturbed(this.#machine.state);
    // The disturbance of this repair has asked for the next one.
    if (this.#machine.on({ kind: 'repaired', isFollowing: follower.isFollowing }) && !isDisturbed) rows.resume();
  }

  /** Nobody else reaps them any more. Nothing waits for it: the mirror has nothing of them. */
  #withdraw(ghosts: readonly NodeId[]): void {
    const { store } = this.#parts;
    for (const node of ghosts)
      withdrawAll(this.#options.store, { ...store.step(), node }).catch((cause: unknown) => {
        if (!(cause instanceof BackplaneUnavailableError))
          this.#options.events.failed('removing rows of a node that is gone', cause);
      });
  }

  /** Undefined: the store has lost data, and the rows of this node are to be repaired. */
  async #load(isRepair: boolean, begun?: Begun): Promise<RealmSnapshot | undefined> {
    const { node, realm, store, keys, counters, membership, events } = this.#options;
    const { mirror, follower } = this.#parts;
    for (let attempt = 1; attempt <= MAX_LOADS; attempt++) {
      const isBegun = attempt === 1 && begun !== undefined;
      const { floor, head } = isBegun ? begun : { floor: this.#parts.store.highestVersion };
      const supposed = mirror.servingNodes;
      if (!isBegun) follower.begin();
      this.#count();
      const isGone = (other: NodeId): boolean => membership.isGone(other);
      const snapshot = await readRealm({ store, keys, node, withOwn: isRepair, head, supposed, isGone, counters });
      if (!isLive(this.#machine.state)) throw this.#machine.unavailable('reading a realm');
      const isLost = snapshot.isTorn || !snapshot.nodes.has(node) || snapshot.version < floor;
      if (isLost) this.#parts.storeLost();
      if (snapshot.version < floor)
        events.doubted(realm, `Redis is at version ${snapshot.version}, and this node knows of version ${floor}`);
      if (isLost && !isRepair) return undefined;
      if (snapshot.isTorn) throw this.#lostMeanwhile('reading a realm');
      if (this.#takeOver(snapshot, isRepair)) return snapshot;
    }
    throw this.#machine.unavailable('reading a realm: it changes faster than it is read');
  }

  #count(): void {
    const { state } = this.#machine;
    if (isLive(state)) this.#options.counters.mirrorReloads[state.cause]++;
  }

  #entered({ kind, version, isBehind, nodes }: RealmEnterReply, stream: number): void {
    const { state } = this.#machine;
    if (!isLive(state)) return;
    const { follower, mirror } = this.#parts;
    mirror.noteServing(nodes.keys());
    const hasServed = state.kind !== 'entering';
    if (isBehind || (kind === 'entered' && hasServed)) this.#parts.storeLost();
    // A node that waits for an earlier version waits for one that the store has lost, and finds out by itself.
    if (isBehind) follower.forgetBefore(version);
    if (kind === 'entered') follower.entered(version, stream);
  }

  /** False: the snapshot is out of date already. */
  #takeOver(snapshot: RealmSnapshot, isRepair: boolean): boolean {
    const { node } = this.#options;
    const { store, mirror, follower, rows, waits, keptRowsCleanup } = this.#parts;
    const isTaken = follower.load(snapshot, {
      others: keptRows(this.#machine.state),
      own: isRepair ? (member, session) => rows.isHeld(member, session) : undefined,
    });
    store.noteVersion(follower.version);
    if (!isTaken) return false;
    this.#machine.on({ kind: 'loaded' });
    // Where the store has lost data, a callee that the mirror never had may be lost too: the repair claims it again.
    if (!isRepair || !hasStoreLost(this.#machine.state)) rows.releaseUnplaced(follower.version);
    const isWaitedFor = (other: NodeId): boolean => other === node || mirror.isWaitedFor(other);
    waits.confirmAbsent(isWaitedFor, follower.version);
    keptRowsCleanup.start();
    return true;
  }

  /**
   * Marks the rows of this node as complete. Waits that began since the store lost its data end with this version: with it
   * the other nodes have every row of this one.
   */
  async #markComplete(): Promise<void> {
    const { store, mirror, waits, writer } = this.#parts;
    const suspended = waits.takeSuspended();
    const isMarked = mirror.statusOf(this.#options.node) === 'complete' && !hasStoreLost(this.#machine.state);
    if (suspended.length === 0 && isMarked) return;
    try {
      const reply = await store.run(markComplete, store.step());
      if (reply.kind === 'not-serving') throw this.#lostMeanwhile('entering a realm');
      store.noteVersion(reply.version);
      for (const pending of suspended) writer.waitFor(reply.version, reply.nodes, pending);
    } catch (cause) {
      for (const pending of suspended) waits.suspend(pending);
      throw cause;
    }
  }

  #lostMeanwhile(operation: string): Error {
    return this.#machine.unavailable(`${operation}: the store has lost it meanwhile`);
  }
}

function isRepairDisturbed(state: ReplicaState): boolean {
  return (state.kind === 'entering' || state.kind === 'resyncing') && state.progress === 'disturbed';
}
