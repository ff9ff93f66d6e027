import type { RequestId } from '../../wamp/ids.js';
import { NumberTable, type HashSeed } from '../number-table.js';
import type { Outlet } from '../ports.js';
import type { Peer } from '../peer.js';
import type { CalleeState, PendingInvocation, LocalRegistration } from './callees.js';

export interface AbandonedLimits {
  /** Timeout from INTERRUPT to the callee's answer. */
  readonly interruptTimeoutMs: number;
  /** Timeout from the end of the call to the answer of a callee that got no INTERRUPT. Absent: no bound. */
  readonly abandonedInvocationTimeoutMs?: number | undefined;
}

/** The bound that was reached: the time after INTERRUPT, the time without one, or their number. */
export type AbandonedLimit = 'interrupt_timeout' | 'abandoned_timeout' | 'abandoned_invocations';

export interface AbandonedInvocationsOptions<P extends Peer> {
  readonly outlet: Pick<Outlet<P>, 'after'>;
  readonly hashSeed: HashSeed;
  readonly limits: AbandonedLimits;
  /** The callee can take another invocation of the registration. */
  readonly onFree: (registration: LocalRegistration<P>) => void;
  readonly onLimit: (limit: AbandonedLimit) => void;
}

interface Abandoned<P extends Peer> {
  readonly registration: LocalRegistration<P>;
  stopTimer: (() => void) | undefined;
}

/** Bound per callee, over all its registrations: an invocation costs some hundred bytes until it is answered. */
const MAX_PER_CALLEE = 4_096;

/**
 * Invocations of registrations with `concurrency` that no caller waits for and whose callees have not answered. The
 * callee works on, so each keeps its concurrency slot until the answer, until a bounded time after INTERRUPT, or until
 * the callee leaves. Nearly always empty; every operation but `drop` is O(1).
 */
export class AbandonedInvocations<P extends Peer> {
  readonly #options: AbandonedInvocationsOptions<P>;
  readonly #byCallee = new Map<CalleeState<P>, NumberTable<Abandoned<P>>>();
  #size = 0;

  constructor(options: AbandonedInvocationsOptions<P>) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** False: the callee has left so many invocations unanswered that it gets no more. Counted. */
  hasRoom(callee: CalleeState<P>): boolean {
    if (this.#size < MAX_PER_CALLEE) return true;
    if ((this.#byCallee.get(callee)?.size ?? 0) < MAX_PER_CALLEE) return true;
    this.#options.onLimit('abandoned_invocations');
    return false;
  }

  /** `isInterrupted`: the callee was sent INTERRUPT, or will be before anything else. */
  add({ callee, request, registration }: PendingInvocation<P>, isInterrupted: boolean): void {
    const { outlet, hashSeed, limits } = this.#options;
    let ofCallee = this.#byCallee.get(callee);
    if (ofCallee === undefined) this.#byCallee.set(callee, (ofCallee = new NumberTable(hashSeed)));
    const abandoned: Abandoned<P> = { registration, stopTimer: undefined };
    ofCallee.set(request, abandoned);
    this.#size++;
    const boundMs = isInterrupted ? limits.interruptTimeoutMs : limits.abandonedInvocationTimeoutMs;
    if (boundMs === undefined) return;
    abandoned.stopTimer = outlet.after(boundMs, () => {
      abandoned.stopTimer = undefined;
      this.#options.onLimit(isInterrupted ? 'interrupt_timeout' : 'abandoned_timeout');
      this.#end(callee, request, abandoned);
    });
  }

  /** The callee has answered. Unknown: the invocation was not abandoned, or its timeout has passed. */
  answered(callee: CalleeState<P>, request: RequestId): void {
    const abandoned = this.#byCallee.get(callee)?.get(request);
    if (abandoned !== undefined) this.#end(callee, request, abandoned);
  }

  /** The callee has left with its registrations. O(its abandoned invocations). */
  drop(callee: CalleeState<P>): void {
    const ofCallee = this.#byCallee.get(callee);
    if (ofCallee === undefined) return;
    this.#byCallee.delete(callee);
    this.#size -= ofCallee.size;
    for (const { stopTimer } of ofCallee.values()) stopTimer?.();
  }

  #end(callee: CalleeState<P>, request: RequestId, { registration, stopTimer }: Abandoned<P>): void {
    const ofCallee = this.#byCallee.get(callee);
    if (ofCallee?.delete(request) !== true) return;
    if (ofCallee.size === 0) this.#byCallee.delete(callee);
    this.#size--;
    stopTimer?.();
    this.#options.onFree(registration);
  }
}
