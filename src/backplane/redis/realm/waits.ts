import { observe } from '../../../telemetry/counters.js';
import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId } from '../../../wamp/ids.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import { Barriers } from '../../barriers.js';
import type { PendingWait } from './pending.js';

export interface RealmWaitsOptions {
  readonly nowMs: () => number;
  readonly after: (delayMs: number, action: () => void) => () => void;
  readonly reaskMs: number;
  readonly counters: ClusterCounters;
  readonly ask: (node: NodeId, version: number) => void;
}

/** Watches and claims of one realm that wait until all nodes have a version, or until their deadline. */
export class RealmWaits {
  readonly #options: RealmWaitsOptions;
  readonly #barriers: Barriers<PendingWait>;
  readonly #pending = new Set<PendingWait>();
  /**
   * The last version that each node has confirmed: a confirmation may come before the wait that it is for. The last counts, not the
   * highest, so that a forged one counts only until the node's next.
   */
  readonly #confirmed = new Map<NodeId, number>();
  /** Waits for versions that the store has lost. */
  #suspended = new Set<PendingWait>();
  #cancelTick: (() => void) | undefined;

  constructor(options: RealmWaitsOptions) {
    this.#options = options;
    const { counters } = options;
    this.#barriers = new Barriers(options.nowMs, (pending, waitedMs) => {
      counters.barriers.opened++;
      observe(counters.barrierLatency, waitedMs);
      pending.open();
    });
  }

  get barrierCount(): number {
    return this.#barriers.size + this.#suspended.size;
  }

  /** Fails it once its deadline has passed, wherever it is. */
  add(pending: PendingWait): void {
    this.#pending.add(pending);
    this.#tickLater();
  }

  /** Opens it once these nodes have confirmed the version. Versions only rise. */
  wait(version: number, nodes: Iterable<NodeId>, pending: PendingWait): void {
    const unconfirmed = new Set<NodeId>();
    for (const node of nodes) if ((this.#confirmed.get(node) ?? -1) < version) unconfirmed.add(node);
    this.#barriers.wait(version, unconfirmed, pending);
    this.#tickLater();
  }

  confirm(node: NodeId, version: number): void {
    this.#confirmed.set(node, version);
    this.#barriers.confirm(node, version);
  }

  /** The node serves the realm no more, as of the version. Waits for a later version go on: it has entered again since. */
  withdrawn(node: NodeId, version: number): void {
    this.#confirmed.delete(node);
    this.#barriers.confirm(node, version);
  }

  /** The node is dead or has left. */
  drop(node: NodeId): void {
    this.#confirmed.delete(node);
    this.#barriers.drop(node);
  }

  confirmAbsent(isServing: (node: NodeId) => boolean, version: number): void {
    this.#barriers.confirmAbsent(isServing, version);
  }

  /** Moves every wait for confirmations to `takeSuspended`: the store has lost those versions. */
  suspendAll(): void {
    for (const pending of this.#barriers.takeAll()) this.#suspended.add(pending);
    this.#confirmed.clear();
  }

  suspend(pending: PendingWait): void {
    this.#suspended.add(pending);
    this.#tickLater();
  }

  takeSuspended(): PendingWait[] {
    const taken = [...this.#suspended].filter(({ isSettled }) => !isSettled);
    this.#suspended = new Set();
    return taken;
  }

  failAll(cause: Error): void {
    const pending = [...this.#pending].filter(({ isSettled }) => !isSettled);
    this.#options.counters.barriers.failed += pending.length;
    this.#pending.clear();
    this.#suspended.clear();
    this.#barriers.takeAll();
    this.#confirmed.clear();
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    for (const one of pending) one.fail(cause);
  }

  readonly #tick = (): void => {
    const { nowMs, reaskMs, ask } = this.#options;
    const now = nowMs();
    for (const pending of this.#pending) {
      if (pending.isSettled) this.#pending.delete(pending);
      else if (pending.deadlineMs <= now) this.#timeOut(pending);
    }
    this.#barriers.sweep();
    for (const pending of this.#suspended) if (pending.isSettled) this.#suspended.delete(pending);
    for (const [node, version] of this.#barriers.overdue(now - reaskMs)) ask(node, version);
    this.#cancelTick = undefined;
    this.#tickLater();
  };

  /** Idempotent; ends by itself when nothing waits. */
  #tickLater(): void {
    if (this.#pending.size + this.barrierCount === 0) return;
    this.#cancelTick ??= this.#options.after(this.#options.reaskMs, this.#tick);
  }

  #timeOut(pending: PendingWait): void {
    this.#pending.delete(pending);
    this.#suspended.delete(pending);
    this.#options.counters.barriers.timed_out++;
    pending.fail(new BackplaneUnavailableError('wait for other nodes: they did not confirm in time'));
  }
}
