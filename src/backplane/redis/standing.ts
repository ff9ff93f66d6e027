import type { Standing } from '../backplane.js';
import type { SendPolicy } from './lanes/ports.js';
import type { SuspendAwareClock } from './membership/suspend-aware-clock.js';
import type { Membership } from './membership/membership.js';
import type { ClusterTimings } from './options.js';
import type { LeaseCheck } from './reachability/lease-check.js';
import type { Reachability } from './reachability/reachability.js';

export interface NodeStandingOptions {
  readonly membership: Pick<Membership, 'isLeaseValid'>;
  readonly leaseCheck: LeaseCheck;
  readonly reachability: Reachability;
  readonly clock: SuspendAwareClock;
  readonly timings: Pick<ClusterTimings, 'heartbeatMs' | 'downAfterMs'>;
}

/** Decides by state, lease and reachability whether this node may send, receive and answer its clients. */
export class NodeStanding {
  readonly #options: NodeStandingOptions;
  #state: 'new' | 'live' | 'over' = 'new';
  #tickedAtMs = -Infinity;
  #wokeAtMs = -Infinity;
  #deniedAtMs = -Infinity;

  constructor(options: NodeStandingOptions) {
    this.#options = options;
  }

  /** `live`: it has entered the cluster. `over`: it is leaving, has left, or was declared dead. */
  get state(): 'new' | 'live' | 'over' {
    return this.#state;
  }

  get isLive(): boolean {
    return this.#state === 'live';
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** It is live and reaches the other nodes. */
  get isUp(): boolean {
    return this.isLive && this.#options.reachability.isUp;
  }

  /** Its lease is not certain, so that other nodes may have declared it dead. */
  get isLeaseDoubtful(): boolean {
    const { leaseCheck, membership } = this.#options;
    return this.#state !== 'new' && (leaseCheck.isPending || !membership.isLeaseValid());
  }

  enter(): void {
    this.#state = 'live';
  }

  end(): void {
    this.#state = 'over';
  }

  /** See `Backplane.standing`. */
  standing(): Standing {
    if (this.#state === 'new' || this.sendPolicy() === 'now') return 'certain';
    if (this.#state === 'over') return 'over';
    const { leaseCheck, reachability, clock, timings } = this.#options;
    if (reachability.isUp || leaseCheck.isPending) return 'unknown';
    // A node that wakes sees that its connections are lost before they can be back.
    const nowMs = clock.nowMs();
    const isAwaking = this.#sleptUntil(nowMs) || nowMs - this.#wokeAtMs < timings.downAfterMs;
    return isAwaking ? 'unknown' : 'isolated';
  }

  /** Asked right before anything is sent. When the lease has run out it starts the check that decides. */
  sendPolicy(): SendPolicy {
    const { membership, reachability, leaseCheck } = this.#options;
    if (!leaseCheck.isPending && membership.isLeaseValid()) return 'now';
    if (this.#state !== 'live' || !reachability.isUp) return 'never';
    leaseCheck.start();
    return 'later';
  }

  /** Whether this node may process messages of other nodes. Before it has entered there is no lease that could have run out. */
  mayReceive(): boolean {
    return this.#state === 'new' || this.sendPolicy() === 'now';
  }

  /** Another node claims that this one was declared dead. Anybody can send that, therefore only a renewal decides. */
  denied(): void {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - this.#deniedAtMs < this.#options.timings.heartbeatMs) return;
    this.#deniedAtMs = nowMs;
    if (this.isUp) this.#options.leaseCheck.start();
  }

  /** To be called with each heartbeat. True: this process, or its machine, stood still since the last one. */
  tick(): boolean {
    const nowMs = this.#options.clock.nowMs();
    const hasSlept = this.#sleptUntil(nowMs);
    if (hasSlept) this.#wokeAtMs = nowMs;
    this.#tickedAtMs = nowMs;
    return hasSlept;
  }

  #sleptUntil(nowMs: number): boolean {
    return nowMs - this.#tickedAtMs > 3 * this.#options.timings.heartbeatMs;
  }
}
