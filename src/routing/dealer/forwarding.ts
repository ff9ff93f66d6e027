import type { SessionId } from '../../wamp/ids.js';
import type { InvokeFrame } from '../frames.js';
import type { Callee, Outlet, Peer, Surroundings } from '../ports.js';
import { chooseCallee, drawFromUrn, fillUrn, type Urn } from './invocation-policy.js';
import type { CallTimeout, PendingCall, PendingCalls } from './pending-calls.js';
import type { RegistrationEntry, Registrations } from './registrations.js';

export interface ForwardingOptions<P extends Peer> {
  readonly outlet: Outlet<P>;
  readonly surroundings: Surroundings;
  readonly calls: PendingCalls<P>;
  readonly mirror: Registrations;
  /** How long a callee that keeps the time itself may be late before its call ends anyway (TMO-3, G3). */
  readonly timeoutGraceMs: number;
  readonly onExpired: (call: PendingCall<P>) => void;
}

/** Brings calls to callees, one after the other while nothing was forwarded, and keeps their time. */
export class Forwarding<P extends Peer> {
  readonly #options: ForwardingOptions<P>;
  readonly #outlet: Outlet<P>;
  /** Registrations whose callees were all found gone. Not a part of the call: next to none needs it. */
  readonly #exhausted = new WeakMap<PendingCall<P>, Set<RegistrationEntry>>();

  /** What calls by `random` have still to draw from, once their first callee did not take them. */
  readonly #urns = new WeakMap<PendingCall<P>, Urn>();

  constructor(options: ForwardingOptions<P>) {
    this.#options = options;
    this.#outlet = options.outlet;
  }

  /** Sends `frame` to the call's callee. False: all callees in turn were found gone, busy or out of reach, the call is still pending. */
  forward(call: PendingCall<P>, frame: InvokeFrame): boolean {
    // A loop, not recursion: thousands of callees of this node may be busy, and each says so before tell returns.
    for (let next: InvokeFrame | undefined = frame; next !== undefined; next = this.#toAnother(call)) {
      if (call.timeout !== undefined) this.#arm(call, call.timeout);
      call.wantsAnother = false;
      call.isForwarding = true;
      this.#outlet.tell(call.callee.node, next);
      call.isForwarding = false;
      if (!wantsAnother(call)) return true;
    }
    return false;
  }

  /**
   * The callee did not take the call: tries another (SHR-7, RRT-1). False: there is none, the call is still pending.
   * To be asked only while `invoke` is kept (RRT-3).
   */
  reroute(call: PendingCall<P>): boolean {
    if (call.isForwarding) {
      call.wantsAnother = true;
      return true;
    }
    const frame = this.#toAnother(call);
    return frame !== undefined && this.forward(call, frame);
  }

  /** The time between two results starts anew (PCR-5). The timer stays and looks again when it fires. */
  restartTimer(call: PendingCall<P>): void {
    const { timeout } = call;
    if (timeout !== undefined) timeout.deadlineMs = this.#options.surroundings.nowMs() + timeout.limitMs;
  }

  /** Chooses the next callee and gives the call a new key, so that a late answer of the first cannot end it. */
  #toAnother(call: PendingCall<P>): InvokeFrame | undefined {
    const { calls } = this.#options;
    const previous = call.invoke;
    if (previous === undefined) return undefined;
    call.tried ??= new Set<SessionId>();
    call.tried.add(call.callee.session);
    let callee = this.#choose(call, call.tried);
    // All callees of the registration have left, which this node may not have heard: what matches without it is next.
    while (callee === undefined && call.notTaken === undefined && this.#toAnotherRegistration(call)) {
      call.tried.clear();
      callee = this.#choose(call, call.tried);
    }
    if (callee === undefined) return undefined;
    call.callee = callee;
    calls.rekey(call);
    this.#outlet.count('call_rerouted');
    call.invoke = {
      ...previous,
      call: call.key,
      registration: call.entry.registration.id,
      callee: callee.session,
      discloseCaller: call.disclose || callee.discloseCaller,
      timeoutMs: this.forwardedTimeoutMs(call, callee),
    };
    return call.invoke;
  }

  #choose(call: PendingCall<P>, tried: ReadonlySet<SessionId>): Callee | undefined {
    const { entry } = call;
    const { surroundings } = this.#options;
    if (entry.registration.invoke !== 'random') return chooseCallee(entry, tried, surroundings);
    let urn = this.#urns.get(call);
    if (urn?.registration !== entry.registration) {
      urn = fillUrn(entry, tried);
      this.#urns.set(call, urn);
    }
    return drawFromUrn(urn, surroundings);
  }

  /** False: nothing else matches. */
  #toAnotherRegistration(call: PendingCall<P>): boolean {
    const exhausted = this.#exhausted.get(call) ?? new Set<RegistrationEntry>();
    this.#exhausted.set(call, exhausted.add(call.entry));
    const entry = this.#options.mirror.matchWithout(call.procedure, exhausted);
    if (entry === undefined) return false;
    call.entry = entry;
    return true;
  }

  /** What of the call's time the callee is told; 0: this node keeps the time alone (TMO-3, TMO-4). */
  forwardedTimeoutMs({ timeout }: PendingCall<P>, callee: Callee): number {
    if (timeout === undefined || !callee.forwardTimeout) return 0;
    return Math.max(1, Math.round(timeout.deadlineMs - this.#options.surroundings.nowMs()));
  }

  #arm(call: PendingCall<P>, timeout: CallTimeout): void {
    timeout.stopTimer?.();
    timeout.stopTimer = this.#outlet.after(Math.max(0, this.#leftMs(call, timeout)), () => {
      timeout.stopTimer = undefined;
      if (this.#leftMs(call, timeout) > 0) this.#arm(call, timeout);
      else this.#options.onExpired(call);
    });
  }

  #leftMs({ callee }: PendingCall<P>, { deadlineMs }: CallTimeout): number {
    const { surroundings, timeoutGraceMs } = this.#options;
    return deadlineMs + (callee.forwardTimeout ? timeoutGraceMs : 0) - surroundings.nowMs();
  }
}

/** Said while the frame was told; a function because the compiler cannot see that. */
function wantsAnother(call: { readonly wantsAnother: boolean }): boolean {
  return call.wantsAnother;
}
