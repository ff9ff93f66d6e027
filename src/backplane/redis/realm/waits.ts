import { observe } from '../../../telemetry/counters.js';
import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId } from '../../../wamp/ids.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import { RealmBarriers, type Pending } from './barriers.js';

export interface RealmWaitsOptions {
  readonly nowMs: () => number;
  readonly after: (delayMs: number, action: () => void) => () => void;
  readonly reaskMs: number;
  readonly counters: ClusterCounters;
  readonly ask: (node: NodeId, version: number) => void;
}

/** Everything in one realm that somebody waits for: until all nodes have it, or for so long. */
export class RealmWaits {
  readonly #options: RealmWaitsOptions;
  readonly #barriers: RealmBarriers;
  readonly #pending = new Set<Pending>();
  /**
   * The last version that each other node has confirmed: confirmations may come before what they are for is known. The last counts
   * and not the highest, so that one that somebody made up counts no longer than until the node's next.
   */
  readonly #confirmed = new Map<NodeId, number>();
  /** What waits for a version that the store has lost. */
  #suspended = new Set<Pending>();
  #cancelTick: (() => void) | undefined;

  constructor(options: RealmWaitsOptions) {
    this.#options = options;
    const { counters } = options;
    this.#barriers = new RealmBarriers(options.nowMs, (pending, waitedMs) => {
      counters.barriers.opened++;
      observe(counters.barrierLatency, waitedMs);
      pending.open();
    });
  }

  get barrierCount(): number {
    return this.#barriers.size + this.#suspended.size;
  }

  /** Fails it once its deadline has passed, wherever it is. */
  add(pending: Pending): void {
    this.#pending.add(pending);
    this.#cancelTick ??= this.#options.after(this.#options.reaskMs, this.#tick);
  }

  /** Opens it once these nodes have confirmed the version. Versions only rise. */
  wait(version: number, nodes: Iterable<NodeId>, pending: Pending): void {
    const unconfirmed = new Set<NodeId>();
    for (const node of nodes) if ((this.#confirmed.get(node) ?? -1) < version) unconfirmed.add(node);
    this.#barriers.wait(version, unconfirmed, pending);
  }

  confirm(node: NodeId, version: number): void {
    this.#confirmed.set(node, version);
    this.#barriers.confirm(node, version);
  }

  /** It serves the realm no more, as of the version. Who waits for a later one waits for it: it has entered again since. */
  withdrawn(node: NodeId, version: number): void {
    this.#confirmed.delete(node);
    this.#barriers.confirm(node, version);
  }

  /** It has gone. */
  drop(node: NodeId): void {
    this.#confirmed.delete(node);
    this.#barriers.drop(node);
  }

  confirmAbsent(isServing: (node: NodeId) => boolean, version: number): void {
    this.#barriers.confirmAbsent(isServing, version);
  }

  /** All that wait for confirmations wait for `takeSuspended` instead: their versions are worth nothing any more. */
  suspendAll(): void {
    for (const pending of this.#barriers.takeAll()) this.#suspended.add(pending);
    this.#confirmed.clear();
  }

  suspend(pending: Pending): void {
    this.#suspended.add(pending);
  }

  takeSuspended(): Pending[] {
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
    const { nowMs, after, reaskMs, ask } = this.#options;
    const now = nowMs();
    for (const pending of this.#pending) {
      if (pending.isSettled) this.#pending.delete(pending);
      else if (pending.deadlineMs <= now) this.#timeOut(pending);
    }
    this.#barriers.sweep();
    for (const [node, version] of this.#barriers.overdue(now - reaskMs)) ask(node, version);
    this.#cancelTick = this.#pending.size > 0 ? after(reaskMs, this.#tick) : undefined;
  };

  #timeOut(pending: Pending): void {
    this.#pending.delete(pending);
    this.#suspended.delete(pending);
    this.#options.counters.barriers.timed_out++;
    pending.fail(new BackplaneUnavailableError('wait for other nodes: they did not confirm in time'));
  }
}
