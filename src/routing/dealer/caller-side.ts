import { Code } from '../../wamp/codes.js';
import { fault, violation, type Fault } from '../../wamp/faults.js';
import type { Features } from '../../wamp/features.js';
import type { NodeId } from '../../wamp/ids.js';
import type { Call, Cancel, RouterMessage } from '../../wamp/messages.js';
import { NO_DETAILS, type CancelMode, type Passthru } from '../../wamp/options.js';
import { unreachable } from '../../wamp/unreachable.js';
import { ErrorUri } from '../../wamp/uris.js';
import { errorReply } from '../error-reply.js';
import type { FailureFrame, InvokeFrame, ResultFrame } from '../frames.js';
import type { Callee, CallOutcome, Outlet, Peer, Surroundings } from '../ports.js';
import { resultDetails } from './details.js';
import { Forwarding, type Refusal } from './forwarding.js';
import { chooseCallee } from './invocation-policy.js';
import type { Spread } from '../number-table.js';
import { PendingCalls, type CallerState, type PendingCall } from './pending-calls.js';
import type { RegistrationEntry, Registrations } from './registrations.js';

/** `wamp`: wamp.error.no_available_callee; `crossbar`: crossbar.error.max_concurrency_reached. */
export type BusyError = 'wamp' | 'crossbar';

export interface CallerSideOptions<P extends Peer> {
  readonly node: NodeId;
  readonly outlet: Outlet<P>;
  readonly surroundings: Surroundings;
  readonly spread: Spread;
  readonly mirror: Registrations;
  readonly maxPendingCallsPerSession: number;
  /** From CALL to result, or from one progressive result to the next, whatever the caller asked; absent: no bound. */
  readonly maxCallTimeoutMs?: number | undefined;
  readonly timeoutGraceMs: number;
  readonly busyError: BusyError;
  readonly abort: (peer: P, violation: Fault) => void;
  /** A call was refused because of `maxPendingCallsPerSession`. */
  readonly onLimit: () => void;
}

/**
 * The half of the dealer that owns calls: their callee, time, cancellation and end. Each CALL gets exactly one final
 * RESULT or ERROR (G3, DLR-8). All state changes before anything is told, because a frame to this node is a direct call.
 */
export class CallerSide<P extends Peer> {
  readonly #options: CallerSideOptions<P>;
  readonly #outlet: Outlet<P>;
  readonly #calls: PendingCalls<P>;
  readonly #forwarding: Forwarding<P>;

  constructor(options: CallerSideOptions<P>) {
    const { node, outlet, surroundings, spread, mirror, timeoutGraceMs } = options;
    this.#options = options;
    this.#outlet = outlet;
    this.#calls = new PendingCalls(node, outlet, surroundings, spread);
    this.#forwarding = new Forwarding({
      outlet,
      surroundings,
      mirror,
      timeoutGraceMs,
      busy: ALL_BUSY[options.busyError],
      calls: this.#calls,
      onExpired: (call) => this.#expire(call),
    });
  }

  get #busy(): Fault {
    return ALL_BUSY[this.#options.busyError];
  }

  get pendingCount(): number {
    return this.#calls.size;
  }

  get callerCount(): number {
    return this.#calls.callerCount;
  }

  hasPending(peer: P): boolean {
    return (this.#calls.caller(peer)?.pending.size ?? 0) > 0;
  }

  /** `isContinuation`: the request id is not a new one (PCI-6). */
  call(peer: P, message: Call, disclose: boolean, isContinuation: boolean): void {
    const caller = this.#calls.callerOf(peer);
    const pending = caller.pending.get(message[1]);
    const wrong = violationIn(peer, message, pending, isContinuation);
    if (wrong !== undefined) this.#options.abort(peer, wrong);
    else if (pending !== undefined) this.#continue(pending, message);
    else if (isContinuation || caller.unfinished.has(message[1])) this.#discard(caller, message);
    else this.#begin(caller, message, disclose);
  }

  /** From now on the caller's new calls are refused; those under way go on, chunks included (drain). */
  sendAway(peer: P): void {
    const caller = this.#calls.caller(peer);
    if (caller !== undefined) caller.isLeaving = true;
  }

  /** Unknown, finished and already canceled calls are left alone: such races are normal (CAN-7). */
  cancel(peer: P, [, request, { mode }]: Cancel): void {
    const call = this.#calls.caller(peer)?.pending.get(request);
    if (call === undefined || call.isCanceled) return;
    if (mode !== 'kill') {
      this.#fail(call, 'canceled', fault(ErrorUri.CANCELED, 'the caller canceled the call'), mode);
      return;
    }
    call.isCanceled = true;
    call.invoke = undefined;
    this.#tellCancel(call, 'kill');
  }

  result({ call: key, progress, passthru, payload }: ResultFrame): void {
    const call = this.#calls.find(key);
    if (call === undefined) {
      this.#outlet.count('late_frame');
      return;
    }
    if (!acceptsPassthru(call, passthru)) {
      this.#fail(call, 'error', PASSTHRU_UNSUPPORTED, progress ? 'killnowait' : undefined);
      return;
    }
    if (!progress) {
      this.#calls.end(call, 'result');
      this.#answer(call, [Code.RESULT, call.request, resultDetails(false, passthru), payload]);
      return;
    }
    if (call.isCanceled) return;
    call.invoke = undefined;
    this.#forwarding.restartTimer(call);
    const { peer } = call.caller;
    const refusal = this.#outlet.send(peer, [Code.RESULT, call.request, resultDetails(true, passthru), payload]);
    // Leaving a chunk out would corrupt the stream (PCR-7).
    if (refusal !== undefined && this.#calls.isPending(call)) this.#fail(call, 'error', refusal, 'killnowait');
  }

  failure(frame: FailureFrame): void {
    const call = this.#calls.find(frame.call);
    if (call === undefined) {
      this.#outlet.count('late_frame');
      return;
    }
    switch (frame.cause) {
      case 'callee':
        this.#forwardError(call, frame, call.isCanceled ? 'canceled' : 'error');
        break;
      case 'unavailable':
        if (call.invoke === undefined) this.#forwardError(call, frame, call.isCanceled ? 'canceled' : 'error');
        else this.#tryAnother(call, 'unavailable', ALL_UNAVAILABLE);
        break;
      case 'gone':
        this.#notTaken(call, 'gone', undefined);
        break;
      case 'busy':
        this.#notTaken(call, 'busy', this.#busy);
        break;
      case 'unreachable':
        this.#notTaken(call, 'unreachable', UNREACHABLE);
        break;
      case 'left':
        this.#fail(call, 'callee_lost', CALLEE_LEFT);
        break;
      case 'canceled':
        this.#fail(call, 'canceled', CANCELED_BY_CALLER);
        break;
      case 'refused':
        this.#forwardError(call, frame, 'refused');
        break;
      default:
        unreachable(frame.cause);
    }
  }

  /** The caller has left: its callees are interrupted where they can be, their answers discarded (DLR-11). */
  leave(peer: P): void {
    for (const call of this.#calls.removeCaller(peer)) {
      if (!this.#calls.isPending(call)) continue;
      this.#calls.end(call, 'caller_left');
      this.#tellCancel(call, 'killnowait');
    }
  }

  /** The node is dead, and with it the callees there: their callers get an ERROR (DLR-12). O(calls to it). */
  dropNode(node: NodeId): void {
    for (const call of this.#calls.callsTo(node)) {
      if (this.#calls.isPending(call)) this.#fail(call, 'callee_lost', CALLEE_LEFT);
    }
    this.#calls.forgetNode(node);
  }

  /** Something said between that node and this was lost: any of these calls may never be answered (G3). */
  loseLane(node: NodeId): void {
    this.#loseAll(this.#calls.callsTo(node), LANE_LOST);
  }

  /** No other node can be reached: whatever one of them would answer comes too late, or never (G6). O(those calls). */
  loseLanes(): void {
    this.#loseAll(this.#calls.callsElsewhere(), OUT_OF_REACH);
  }

  #loseAll(calls: readonly PendingCall<P>[], reason: Fault): void {
    for (const call of calls) {
      if (this.#calls.isPending(call)) this.#fail(call, 'callee_lost', reason, 'killnowait');
    }
  }

  #begin(caller: CallerState<P>, message: Call, disclose: boolean): void {
    const refusal = this.#refusal(caller, message, disclose);
    if (refusal !== undefined) {
      this.#refuse(caller, message, refusal);
      return;
    }
    const procedure = message[3];
    const entry = this.#forwarding.registrationFor(procedure);
    if (entry === undefined) {
      this.#refuse(caller, message, fault(ErrorUri.NO_SUCH_PROCEDURE, `no callee has registered "${procedure}"`));
      return;
    }
    const callee = chooseCallee(entry, undefined, this.#options.surroundings);
    if (callee === undefined) {
      this.#refuse(caller, message, this.#busy);
      return;
    }
    const call = this.#pendingCall(caller, message, disclose, entry, callee);
    const invoke = this.#invokeFrame(call, message);
    call.invoke = invoke;
    this.#calls.add(call);
    if (!this.#forwarding.forward(call, invoke)) this.#failUntaken(call);
    else if (message[4].byteLength > MAX_KEPT_BYTES) call.invoke = undefined;
  }

  #pendingCall(
    caller: CallerState<P>,
    [, request, options, procedure]: Call,
    disclose: boolean,
    entry: RegistrationEntry,
    callee: Callee,
  ): PendingCall<P> {
    const startedMs = this.#options.surroundings.nowMs();
    const limitMs = this.#timeoutMs(options.timeoutMs);
    return {
      caller,
      request,
      procedure,
      disclose,
      startedMs,
      timeout: limitMs === 0 ? undefined : { limitMs, deadlineMs: startedMs + limitMs, stopTimer: undefined },
      entry,
      callee,
      key: this.#calls.nextKey(),
      invoke: undefined,
      search: undefined,
      notTaken: undefined,
      expectsMore: options.progress,
      isCanceled: false,
      isForwarding: false,
      wantsAnother: false,
    };
  }

  #invokeFrame(call: PendingCall<P>, [, , options, procedure, payload]: Call): InvokeFrame {
    const { callee } = call;
    const { passthru } = options;
    const plain: InvokeFrame = {
      kind: 'invoke',
      call: call.key,
      registration: call.entry.registration.id,
      callee: callee.session,
      procedure,
      caller: call.caller.peer,
      discloseCaller: call.disclose || callee.discloseCaller,
      receiveProgress: options.receiveProgress,
      progress: options.progress,
      timeoutMs: this.#forwarding.forwardedTimeoutMs(call, callee),
      payload,
    };
    return passthru === undefined ? plain : { ...plain, passthru };
  }

  /** All options but `progress` are those of the first CALL (PCI-5); the callee stays the same (PCI-4). */
  #continue(call: PendingCall<P>, [, , options, , payload]: Call): void {
    call.expectsMore = options.progress;
    if (call.isCanceled) {
      this.#outlet.count('late_continuation');
      return;
    }
    call.invoke = undefined;
    this.#outlet.tell(call.callee.node, { kind: 'continue', call: call.key, progress: options.progress, payload });
  }

  /** The callee answered before the caller had said everything: the rest is ignored without a word (PCI-7, PCI-8). */
  #discard({ unfinished }: CallerState<P>, [, request, options]: Call): void {
    if (!options.progress) unfinished.delete(request);
    this.#outlet.count('late_continuation');
  }

  /** `reason`: the callee is there, but does not take it; undefined: it has left. */
  #notTaken(call: PendingCall<P>, refusal: Refusal, reason: Fault | undefined): void {
    if (call.isCanceled) this.#fail(call, 'canceled', CANCELED_BY_CALLER);
    else if (call.invoke === undefined) this.#fail(call, 'callee_lost', reason ?? CALLEE_LEFT);
    else this.#tryAnother(call, refusal, reason);
  }

  #tryAnother(call: PendingCall<P>, refusal: Refusal, reason: Fault | undefined): void {
    call.notTaken = reason ?? call.notTaken;
    if (!this.#forwarding.reroute(call, refusal)) this.#failUntaken(call);
  }

  /** No callee took it. One that is there and refuses is another matter than none at all (RRT-2). */
  #failUntaken(call: PendingCall<P>): void {
    const { procedure, notTaken } = call;
    this.#fail(
      call,
      'refused',
      notTaken ?? fault(ErrorUri.NO_SUCH_PROCEDURE, `the last callee of "${procedure}" has just left`),
    );
  }

  #refusal(caller: CallerState<P>, [, , options]: Call, disclose: boolean): Fault | undefined {
    if (caller.isLeaving) return LEAVING;
    if (options.discloseMe && !disclose)
      return fault(ErrorUri.DISCLOSE_ME_DISALLOWED, 'disclose_me is not allowed here: call without it');
    const { maxPendingCallsPerSession } = this.#options;
    if (caller.pending.size < maxPendingCallsPerSession) return undefined;
    this.#options.onLimit();
    return fault(
      ErrorUri.LIMIT_EXCEEDED,
      `this session has its limit of ${maxPendingCallsPerSession} calls unanswered (limits.maxPendingCallsPerSession)`,
    );
  }

  #timeoutMs(wishedMs: number): number {
    const { maxCallTimeoutMs } = this.#options;
    if (maxCallTimeoutMs === undefined) return wishedMs;
    return wishedMs === 0 ? maxCallTimeoutMs : Math.min(wishedMs, maxCallTimeoutMs);
  }

  #expire(call: PendingCall<P>): void {
    if (!this.#calls.isPending(call)) return;
    const reason = fault(ErrorUri.TIMEOUT, `no result within ${call.timeout?.limitMs} ms`);
    this.#fail(call, 'timeout', reason, 'killnowait');
  }

  #refuse(caller: CallerState<P>, [, request, options]: Call, refusal: Fault): void {
    if (options.progress) this.#calls.rememberUnfinished(caller, request);
    this.#outlet.callEnded('refused', 0);
    this.#outlet.send(caller.peer, errorReply(Code.CALL, request, refusal));
  }

  /** The callee's own words (DLR-7). */
  #forwardError(call: PendingCall<P>, { error, passthru, payload }: FailureFrame, outcome: CallOutcome): void {
    if (!acceptsPassthru(call, passthru)) {
      this.#fail(call, outcome, PASSTHRU_UNSUPPORTED);
      return;
    }
    this.#calls.end(call, outcome);
    const details = passthru?.details ?? NO_DETAILS;
    this.#answer(call, [Code.ERROR, Code.CALL, call.request, details, error, payload]);
  }

  #fail(call: PendingCall<P>, outcome: CallOutcome, reason: Fault, cancel?: CancelMode): void {
    this.#calls.end(call, outcome);
    this.#outlet.send(call.caller.peer, errorReply(Code.CALL, call.request, reason));
    if (cancel !== undefined) this.#tellCancel(call, cancel);
  }

  /** The final answer; when it cannot be said to this caller, the reason is (G3). */
  #answer(call: PendingCall<P>, message: RouterMessage): void {
    const { peer } = call.caller;
    const refusal = this.#outlet.send(peer, message);
    if (refusal !== undefined) this.#outlet.send(peer, errorReply(Code.CALL, call.request, refusal));
  }

  #tellCancel({ callee, key }: PendingCall<P>, mode: CancelMode): void {
    this.#outlet.tell(callee.node, { kind: 'cancel', call: key, mode });
  }
}

/** A larger call is not kept for another callee: a session could make the node hold all it may have pending (RRT-3). */
const MAX_KEPT_BYTES = 16_384;

const LEAVING = fault(
  ErrorUri.UNAVAILABLE,
  'this node is shutting down and has forwarded nothing: connect again and repeat the call',
);
const CALLEE_LEFT = fault(ErrorUri.CANCELED, 'the callee has left');
const CANCELED_BY_CALLER = fault(ErrorUri.CANCELED, 'the caller canceled the call');
const ALL_UNAVAILABLE = fault(
  ErrorUri.NO_AVAILABLE_CALLEE,
  'every callee of the procedure is busy or unavailable: try again',
);
const ALL_BUSY: Readonly<Record<BusyError, Fault>> = {
  wamp: ALL_UNAVAILABLE,
  crossbar: fault(
    ErrorUri.MAX_CONCURRENCY_REACHED,
    'every callee of the procedure has as many calls as it takes at once',
  ),
};
const UNREACHABLE = fault(ErrorUri.NETWORK_FAILURE, 'the node of the callee cannot be reached now: try again later');
const OUT_OF_REACH = fault(
  ErrorUri.NETWORK_FAILURE,
  'the node of the callee can no longer be reached: the call may have been carried out',
);
const LANE_LOST = fault(ErrorUri.NETWORK_FAILURE, 'the connection to the node of the callee lost messages');
const PASSTHRU_UNSUPPORTED = fault(
  ErrorUri.FEATURE_NOT_SUPPORTED,
  'the callee answered with payload passthru, which this caller did not announce',
);

/** a caller that did not announce passthru gets an ERROR instead of an answer it cannot read. */
function acceptsPassthru<P extends Peer>(call: PendingCall<P>, passthru: Passthru | undefined): boolean {
  if (passthru?.form !== 'ppt') return true;
  return call.caller.peer.features.caller?.has('payload_passthru_mode') ?? false;
}

/** What this CALL has no right to be (PV-8, PV-9, PV-10, PCI-6, PCI-10). */
function violationIn<P extends Peer>(
  { features }: P,
  [, request, options, procedure]: Call,
  pending: PendingCall<P> | undefined,
  isContinuation: boolean,
): Fault | undefined {
  if (options.progress && !mayContinue(features))
    return violation('CALL has progress, but its caller did not announce progressive_call_invocations');
  if (options.passthru?.form === 'ppt' && features.caller?.has('payload_passthru_mode') !== true)
    return violation('CALL has a ppt_scheme, but its caller did not announce payload_passthru_mode');
  if (pending === undefined) {
    return isContinuation && !mayContinue(features) ? violation(`CALL repeats the request id ${request}`) : undefined;
  }
  if (!pending.expectsMore)
    return violation(`CALL ${request} continues a call that is not progressive, or is complete`);
  if (pending.procedure !== procedure)
    return violation(`CALL ${request} continues a call of "${pending.procedure}" with another procedure`);
  return undefined;
}

function mayContinue({ caller }: Features): boolean {
  return caller?.has('progressive_call_invocations') ?? false;
}
