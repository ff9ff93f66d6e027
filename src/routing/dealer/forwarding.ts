import type { Fault } from '../../wamp/faults.js';
import type { NodeId, SessionId, Uri } from '../../wamp/ids.js';
import { NOT_YET, NOT_YET_TAKEN, type InvokeFrame } from '../frames.js';
import type { Callee, Outlet, ClockAndRandom } from '../ports.js';
import type { Peer } from '../peer.js';
import { chooseCallee, type Search } from './invocation-policy.js';
import { PassedOver, type Reason } from './passed-over.js';
import type { CallTimeout, PendingCall, PendingCalls } from './pending-calls.js';
import { isLarge, type RegistrationEntry, type Registrations } from './registrations.js';

export interface ForwardingOptions<P extends Peer> {
  readonly outlet: Outlet<P>;
  readonly sources: ClockAndRandom;
  readonly calls: PendingCalls<P>;
  readonly mirror: Registrations;
  /** How long a callee that knows the timeout may be late before its call ends anyway (TMO-3, G3). */
  readonly timeoutGraceMs: number;
  /** The fault of a call whose callees are all passed over, some of them because they are busy. */
  readonly busy: Fault;
  readonly onExpired: (call: PendingCall<P>) => void;
  /** True: a call that goes to its own session waits there behind earlier ones, and is forwarded later. */
  readonly waits: (call: PendingCall<P>, frame: InvokeFrame) => boolean;
}

/** Why a callee did not take a call. */
export type ForwardRefusal = Reason | 'unready' | 'taking' | 'unavailable' | 'unreachable';

/**
 * Bound on the callees that one call tries, not counting busy ones, which are remembered: one CALL must not cost an
 * INVOCATION to each of thousands that answer `wamp.error.unavailable`.
 */
const MAX_REFUSALS = 100;

/**
 * How long a callee of another node is passed over after it answered that it takes no call: half a millisecond per
 * callee of the registration, so that asking all of them again and again costs about the same whatever their number.
 */
const MS_PER_CALLEE = 0.5;
const MIN_PASSED_MS = 100;
const MAX_PASSED_MS = 1_000;

/** Forwards calls to callees, one after the other until one takes the call, and keeps their timeouts. */
export class Forwarding<P extends Peer> {
  readonly #options: ForwardingOptions<P>;
  readonly #outlet: Outlet<P>;

  constructor(options: ForwardingOptions<P>) {
    this.#options = options;
    this.#outlet = options.outlet;
  }

  /**
   * Sends `frame` to the call's callee. False: all callees were gone, busy or unreachable; the call is still pending.
   */
  forward(call: PendingCall<P>, frame: InvokeFrame): boolean {
    // A loop, not recursion: a callee of this node, or an unreachable node, refuses before `sendFrame` returns.
    for (let next: InvokeFrame | undefined = frame; next !== undefined;) {
      if (call.timeout !== undefined) this.#arm(call, call.timeout);
      call.wantsAnother = false;
      call.isForwarding = true;
      this.#outlet.sendFrame(call.callee.node, next);
      call.isForwarding = false;
      if (!wantsAnother(call)) return true;
      next = this.#toAnother(call);
      if (next !== undefined && this.#options.waits(call, next)) return true;
    }
    return false;
  }

  /** Like `forward`, for a call that waited on its way to another callee. */
  goOn(call: PendingCall<P>): boolean {
    const { invoke, callee } = call;
    if (invoke === undefined) return false;
    call.invoke = { ...invoke, timeoutMs: this.forwardedTimeoutMs(call, callee) };
    return this.forward(call, call.invoke);
  }

  /**
   * The callee did not take the call: tries another (SHR-7, RRT-1). False: there is none; the call is still pending.
   * Only while `invoke` is kept (RRT-3).
   */
  reroute(call: PendingCall<P>, refusal: ForwardRefusal): boolean {
    this.#note(call, refusal);
    if (call.isForwarding) {
      call.wantsAnother = true;
      return true;
    }
    const frame = this.#toAnother(call);
    return frame !== undefined && (this.#options.waits(call, frame) || this.forward(call, frame));
  }

  /** Starts the timeout of a call that no callee has yet. */
  keepTime(call: PendingCall<P>): void {
    if (call.timeout !== undefined) this.#arm(call, call.timeout);
  }

  /** Restarts the time between two results (PCR-5). The timer keeps running and checks again when it fires. */
  restartTimer(call: PendingCall<P>): void {
    const { timeout } = call;
    if (timeout !== undefined) timeout.deadlineMs = this.#options.sources.nowMs() + timeout.limitMs;
  }

  /** The registration that a call of the procedure goes to, without those whose callees are all known to be gone. */
  registrationFor(procedure: Uri): RegistrationEntry | undefined {
    const { mirror } = this.#options;
    let entry = mirror.match(procedure);
    if (entry === undefined || !this.#isDeserted(entry)) return entry;
    const deserted = new Set<RegistrationEntry>();
    while (entry !== undefined && this.#isDeserted(entry)) entry = mirror.matchWithout(procedure, deserted.add(entry));
    return entry;
  }

  /** Chooses the next callee and gives the call a new key, so that a late answer of the first callee cannot end it. */
  #toAnother(call: PendingCall<P>): InvokeFrame | undefined {
    const { calls } = this.#options;
    const { invoke: previous, search } = call;
    if (previous === undefined || search === undefined || search.refusalCount >= MAX_REFUSALS) return undefined;
    const callee = this.#next(call, search);
    if (callee === undefined) return undefined;
    calls.rekey(call, callee);
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

  #next(call: PendingCall<P>, search: Search): Callee | undefined {
    const { sources, mirror, busy } = this.#options;
    for (;;) {
      const callee = chooseCallee(call.entry, search, sources);
      if (callee !== undefined) return callee;
      if (asksAgain(search)) continue;
      if (call.entry.passedOver?.hasBusy === true) call.notTaken ??= busy;
      if (call.notTaken !== undefined) return undefined;
      // All callees of the registration have left, which this node's mirror may not show yet: the next match without it
      // is tried.
      const entry = mirror.matchWithout(call.procedure, search.deserted.add(call.entry));
      if (entry === undefined) return undefined;
      call.entry = entry;
      search.tried.clear();
      search.unready.clear();
    }
  }

  #note(call: PendingCall<P>, refusal: ForwardRefusal): void {
    const { entry, callee } = call;
    const search = (call.search ??= newSearch());
    search.tried.add(callee.session);
    if (refusal !== 'busy') search.refusalCount++;
    if (isEarly(refusal)) search.early.add(callee.session);
    if (refusal === 'gone') search.foundGone = true;
    if (refusal === 'taking') search.unready.add(callee.session);
    if (refusal === 'unreachable') search.unreachable.add(callee.node);
    const { registration } = entry;
    const { length: count } = registration.callees;
    if ((refusal !== 'busy' && refusal !== 'gone') || !isLarge(entry)) return;
    const passedMs = Math.min(MAX_PASSED_MS, Math.max(MIN_PASSED_MS, count * MS_PER_CALLEE));
    entry.passedOver ??= new PassedOver();
    entry.passedOver.noteRefusal(callee, refusal, registration, this.#options.sources.nowMs() + passedMs);
  }

  #isDeserted({ passedOver, registration }: RegistrationEntry): boolean {
    if (passedOver === undefined || passedOver.isEmpty || registration.successors !== undefined) return false;
    return passedOver.open(registration, this.#options.sources.nowMs()).size === 0 && !passedOver.hasBusy;
  }

  /**
   * The part of the call's timeout that is forwarded to the callee; 0: this node keeps the timeout alone (TMO-3,
   * TMO-4).
   */
  forwardedTimeoutMs({ timeout }: PendingCall<P>, callee: Callee): number {
    if (timeout === undefined || !callee.forwardTimeout) return 0;
    return Math.max(1, Math.round(timeout.deadlineMs - this.#options.sources.nowMs()));
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
    const { sources, timeoutGraceMs } = this.#options;
    return deadlineMs + (callee.forwardTimeout ? timeoutGraceMs : 0) - sources.nowMs();
  }
}

function newSearch(): Search {
  return {
    tried: new Set<SessionId>(),
    unreachable: new Set<NodeId>(),
    deserted: new Set(),
    unready: new Set<SessionId>(),
    hasAskedAgain: false,
    early: new Set<SessionId>(),
    foundGone: false,
    refusalCount: 0,
  };
}

/**
 * A callee that takes the procedure over, and had no REGISTERED when it was asked, may be the only one that has it by
 * now: it is asked once more. Other callees are not: their clients were not promised the procedure, and the call would
 * arrive behind later ones of its caller (ORD-3). False: no callee is left to ask.
 */
function asksAgain(search: Search): boolean {
  if (search.unready.size === 0 || search.hasAskedAgain) return false;
  for (const session of search.unready) search.tried.delete(session);
  search.unready.clear();
  search.hasAskedAgain = true;
  return true;
}

/**
 * One callee of the procedure had no REGISTERED yet when it was asked, and another has left since: the first may have had
 * REGISTERED by then, so that the procedure had a callee all the time (ADR 50).
 */
export function mayHaveMissed<P extends Peer>({ search, asked }: PendingCall<P>): boolean {
  if (search === undefined || search.early.size === 0) return false;
  return search.foundGone || asked.callees.some(({ session }) => !search.early.has(session));
}

/** A callee may set this while the frame is sent; a function, because the compiler cannot see that. */
function wantsAnother(call: { readonly wantsAnother: boolean }): boolean {
  return call.wantsAnother;
}

/** Why a callee is `gone` according to its node: it has left, or has no REGISTERED yet. */
export function absenceOf(error: Uri): ForwardRefusal {
  if (error === NOT_YET) return 'unready';
  return error === NOT_YET_TAKEN ? 'taking' : 'gone';
}

export function isEarly(refusal: ForwardRefusal): boolean {
  return refusal === 'unready' || refusal === 'taking';
}
