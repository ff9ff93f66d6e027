import { Code } from '../../wamp/codes.js';
import { fault, type Fault } from '../../wamp/faults.js';
import type { NodeId, RequestId } from '../../wamp/ids.js';
import type { Call, Cancel } from '../../wamp/messages.js';
import { unreachable } from '../../wamp/unreachable.js';
import { ErrorUri } from '../../wamp/uris.js';
import type { FailureFrame, InvokeFrame, ResultFrame } from '../frames.js';
import type { HeldTotal } from '../held-total.js';
import type { Outlet, ClockAndRandom } from '../ports.js';
import { CallEndings } from './call-endings.js';
import type { Peer } from '../peer.js';
import {
  acceptsPassthru,
  ALL_BUSY,
  ALL_UNAVAILABLE,
  CALLEE_LEFT,
  CANCELED_BY_CALLER,
  LANE_LOST,
  LEAVING,
  noCallee,
  NOT_REGISTERED_YET,
  noSuchProcedure,
  OUT_OF_REACH,
  PASSTHRU_UNSUPPORTED,
  REGISTERED_MEANWHILE,
  UNREACHABLE,
  violationIn,
  type BusyError,
} from './caller-faults.js';
import { resultDetails, withRareOptions } from './details.js';
import { absenceOf, Forwarding, isEarly, mayHaveMissed, type ForwardRefusal } from './forwarding.js';
import { chooseCallee } from './invocation-policy.js';
import type { HashSeed } from '../number-table.js';
import { OwnOrder } from './own-order.js';
import { PendingCalls, type CallerState, type PendingCall } from './pending-calls.js';
import type { Registrations } from './registrations.js';
import type { WaitingCalls, WaitingLimits } from './waiting-calls.js';

export interface CallerSideOptions<P extends Peer> {
  readonly node: NodeId;
  readonly outlet: Outlet<P>;
  readonly sources: ClockAndRandom;
  readonly hashSeed: HashSeed;
  readonly mirror: Registrations;
  readonly waiting: WaitingCalls<P>;
  /** Read at each use. */
  readonly limits: WaitingLimits & {
    readonly maxPendingCallsPerSession: number;
    /**
     * From CALL to result, or from one progressive result to the next, whatever the caller asked for; absent: no bound.
     */
    readonly maxCallTimeoutMs?: number | undefined;
  };
  readonly heldTotal: HeldTotal;
  readonly timeoutGraceMs: number;
  readonly busyError: BusyError;
  readonly abort: (peer: P, violation: Fault) => void;
  /** A call was refused because of this limit. */
  readonly onLimit: (limit: 'calls_per_session' | 'held_calls' | 'kept_calls') => void;
}

/**
 * The half of the dealer that owns calls: their callee, timeout, cancellation and end. Each CALL gets exactly one final
 * RESULT or ERROR (G3, DLR-8). All state changes before a frame is sent, because a frame to this node is a direct call.
 */
export class CallerSide<P extends Peer> {
  readonly #options: CallerSideOptions<P>;
  readonly #outlet: Outlet<P>;
  readonly #calls: PendingCalls<P>;
  readonly #forwarding: Forwarding<P>;
  readonly #waiting: WaitingCalls<P>;
  readonly #ownOrder: OwnOrder<P>;
  readonly #endings: CallEndings<P>;

  constructor(options: CallerSideOptions<P>) {
    const { outlet, sources, mirror, timeoutGraceMs } = options;
    this.#options = options;
    this.#outlet = outlet;
    this.#waiting = options.waiting;
    this.#calls = new PendingCalls(options);
    this.#endings = new CallEndings({
      outlet,
      calls: this.#calls,
      waiting: options.waiting,
      onWaiterEnded: (peer) => this.#ownOrder.resume(peer),
    });
    this.#forwarding = new Forwarding({
      outlet,
      sources,
      mirror,
      timeoutGraceMs,
      busy: ALL_BUSY[options.busyError],
      calls: this.#calls,
      onExpired: (call) => this.#expire(call),
      waits: (call, frame) => this.#ownOrder.waitsAtHome(call, frame),
    });
    this.#ownOrder = new OwnOrder({
      ...options,
      busy: this.#busy,
      calls: this.#calls,
      forwarding: this.#forwarding,
      flow: {
        forward: (call, message) => this.#forward(call, message),
        continue: (call, chunk) => this.#continue(call, chunk),
        refuse: (caller, message, reason) => this.#endings.refuse(caller, message, reason),
        fail: (call, reason) => this.#endings.fail(call, 'refused', reason),
        failUntaken: (call) => this.#failUntaken(call),
      },
    });
  }

  get #busy(): Fault {
    return ALL_BUSY[this.#options.busyError];
  }

  get pendingCount(): number {
    return this.#calls.size;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  get callerCount(): number {
    return this.#calls.callerCount;
  }

  /** The request is in flight, or more chunks of it may come. */
  knows(peer: P, request: RequestId): boolean {
    const caller = this.#calls.caller(peer);
    return caller !== undefined && (caller.pending.get(request) !== undefined || caller.unfinished.has(request));
  }

  pendingOf(peer: P): number {
    return this.#calls.caller(peer)?.pending.size ?? 0;
  }

  /** `isContinuation`: the request id is not a new one (PCI-6). `refusal`: the answer to a call that would begin. */
  call(peer: P, message: Call, disclose: boolean, isContinuation: boolean, refusal?: Fault): void {
    const caller = this.#calls.callerOf(peer);
    const pending = caller.pending.get(message[1]);
    const wrong = violationIn(peer, message, pending, isContinuation);
    if (wrong !== undefined) this.#options.abort(peer, wrong);
    else if (pending !== undefined) this.#continue(pending, message);
    else if (isContinuation || caller.unfinished.has(message[1])) this.#discard(caller, message);
    else if (refusal !== undefined) this.#endings.refuse(caller, message, refusal);
    else this.#begin(caller, message, disclose);
  }

  /** Refuses new calls of this caller from now on; those in flight continue, chunks included (drain). */
  sendAway(peer: P): void {
    const caller = this.#calls.caller(peer);
    if (caller !== undefined) caller.isLeaving = true;
  }

  /** Ignores unknown, finished and already canceled calls: such races are normal (CAN-7). */
  cancel(peer: P, [, request, { mode }]: Cancel): void {
    const call = this.#calls.caller(peer)?.pending.get(request);
    if (call === undefined || call.isCanceled) return;
    if (mode !== 'kill' || this.#waiting.has(call)) {
      this.#endings.fail(call, 'canceled', CANCELED_BY_CALLER, mode);
      return;
    }
    call.isCanceled = true;
    this.#calls.letGo(call);
    this.#endings.sendCancel(call, 'kill');
  }

  result({ call: key, progress, passthru, payload }: ResultFrame): void {
    const call = this.#calls.find(key);
    if (call === undefined) {
      this.#outlet.count('late_frame');
      return;
    }
    if (!acceptsPassthru(call, passthru)) {
      this.#endings.fail(call, 'error', PASSTHRU_UNSUPPORTED, progress ? 'killnowait' : undefined);
      return;
    }
    if (!progress) {
      this.#endings.answer(call, 'result', [Code.RESULT, call.request, resultDetails(false, passthru), payload]);
      return;
    }
    if (call.isCanceled) return;
    this.#calls.letGo(call);
    this.#forwarding.restartTimer(call);
    const { peer } = call.caller;
    const refusal = this.#outlet.send(peer, [Code.RESULT, call.request, resultDetails(true, passthru), payload]);
    // Leaving a chunk out would corrupt the stream (PCR-7).
    if (refusal !== undefined && this.#calls.isPending(call)) this.#endings.fail(call, 'error', refusal, 'killnowait');
  }

  failure(frame: FailureFrame): void {
    const call = this.#calls.find(frame.call);
    if (call === undefined) {
      this.#outlet.count('late_frame');
      return;
    }
    switch (frame.cause) {
      case 'callee':
        this.#endings.forwardError(call, frame, call.isCanceled ? 'canceled' : 'error');
        break;
      case 'unavailable':
        if (call.invoke === undefined) this.#endings.forwardError(call, frame, call.isCanceled ? 'canceled' : 'error');
        else this.#tryAnother(call, 'unavailable', ALL_UNAVAILABLE);
        break;
      case 'gone':
        this.#notTaken(call, absenceOf(frame.error), undefined);
        break;
      case 'busy':
        this.#notTaken(call, 'busy', this.#busy);
        break;
      case 'unreachable':
        this.#notTaken(call, 'unreachable', UNREACHABLE);
        break;
      case 'left':
        this.#endings.fail(call, 'callee_lost', CALLEE_LEFT);
        break;
      case 'canceled':
        this.#endings.fail(call, 'canceled', CANCELED_BY_CALLER);
        break;
      case 'refused':
        this.#endings.forwardError(call, frame, 'refused');
        break;
      default:
        unreachable(frame.cause);
    }
  }

  /** The caller has left: interrupts its callees where possible and discards their answers (DLR-11). Ends `count` of its calls. */
  leave(peer: P, count = Infinity): void {
    this.#waiting.dropPeer(peer);
    for (const call of this.#calls.removeCaller(peer, count)) this.#endings.callerLeft(call);
  }

  /** The node is dead, and so are its callees: their callers get an ERROR (DLR-12). O(calls to it). */
  dropNode(node: NodeId): void {
    for (const call of this.#calls.callsTo(node)) {
      if (this.#calls.isPending(call)) this.#endings.fail(call, 'callee_lost', CALLEE_LEFT);
    }
    this.#calls.forgetNode(node);
  }

  /** A frame between that node and this one was lost: any of these calls may never be answered (G3). */
  loseLane(node: NodeId): void {
    this.#loseAll(this.#calls.callsTo(node), LANE_LOST);
  }

  /** No other node can be reached: their answers would come too late, or never (G6). O(those calls). */
  loseLanes(): void {
    this.#loseAll(this.#calls.callsElsewhere(), OUT_OF_REACH);
  }

  #loseAll(calls: readonly PendingCall<P>[], reason: Fault): void {
    for (const call of calls) {
      if (this.#calls.isPending(call)) this.#endings.fail(call, 'callee_lost', reason, 'killnowait');
    }
  }

  #begin(caller: CallerState<P>, message: Call, disclose: boolean): void {
    const refusal = this.#refusal(caller);
    if (refusal !== undefined) {
      this.#endings.refuse(caller, message, refusal);
      return;
    }
    const procedure = message[3];
    const entry = this.#forwarding.registrationFor(procedure);
    const place = this.#waiting.placeOf(caller.peer, procedure, entry);
    if (place !== undefined) {
      this.#ownOrder.wait(caller, message, place, { disclose, limitMs: this.#timeoutMs(message) });
      return;
    }
    if (entry === undefined) {
      this.#endings.refuse(caller, message, noCallee(this.#outlet, noSuchProcedure(procedure)));
      return;
    }
    const callee = chooseCallee(entry, undefined, this.#options.sources);
    if (callee === undefined) {
      this.#endings.refuse(caller, message, this.#busy);
      return;
    }
    const limitMs = this.#timeoutMs(message);
    const call = this.#calls.make(caller, message, { disclose, entry, callee, limitMs });
    this.#calls.add(call);
    this.#forward(call, message);
  }

  #forward(call: PendingCall<P>, message: Call): void {
    const invoke = this.#invokeFrame(call, message);
    call.invoke = invoke;
    if (!this.#forwarding.forward(call, invoke)) this.#failUntaken(call);
    else if (this.#calls.isPending(call)) this.#keep(call, message[4].byteLength);
  }

  #keep(call: PendingCall<P>, bytes: number): void {
    if (bytes > MAX_KEPT_BYTES) this.#calls.letGo(call);
    else if (!this.#calls.keep(call, bytes)) this.#options.onLimit('kept_calls');
  }

  /** A REGISTER of this session was decided and answered: continues the calls that waited for it (G10). */
  resume(peer: P): void {
    this.#ownOrder.resume(peer);
  }

  #invokeFrame(call: PendingCall<P>, [, , options, procedure, payload]: Call): InvokeFrame {
    const { callee } = call;
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
    return withRareOptions(plain, options);
  }

  /**
   * Continues a progressive call. All options but `progress` are those of the first CALL (PCI-5); the callee stays the
   * same (PCI-4).
   */
  #continue(call: PendingCall<P>, message: Call): void {
    const [, , options, , payload] = message;
    call.expectsMore = options.progress;
    if (this.#waiting.has(call)) {
      this.#ownOrder.continue(call, message);
      return;
    }
    if (call.isCanceled) {
      this.#outlet.count('late_continuation');
      return;
    }
    this.#calls.letGo(call);
    this.#outlet.sendFrame(call.callee.node, { kind: 'continue', call: call.key, progress: options.progress, payload });
  }

  /** The callee answered before the caller had sent everything: ignores the rest silently (PCI-7, PCI-8). */
  #discard({ unfinished }: CallerState<P>, [, request, options]: Call): void {
    if (!options.progress) unfinished.delete(request);
    this.#outlet.count('late_continuation');
  }

  /** `reason`: the callee exists but does not take the call; undefined: it has left, or has no REGISTERED yet. */
  #notTaken(call: PendingCall<P>, refusal: ForwardRefusal, reason: Fault | undefined): void {
    if (call.isCanceled) this.#endings.fail(call, 'canceled', CANCELED_BY_CALLER);
    else if (isEarly(refusal) && call.invoke === undefined) this.#endings.fail(call, 'refused', NOT_REGISTERED_YET);
    else if (call.invoke === undefined) this.#endings.fail(call, 'callee_lost', reason ?? CALLEE_LEFT);
    else this.#tryAnother(call, refusal, reason);
  }

  #tryAnother(call: PendingCall<P>, refusal: ForwardRefusal, reason: Fault | undefined): void {
    call.notTaken = reason ?? call.notTaken;
    if (!this.#forwarding.reroute(call, refusal)) this.#failUntaken(call);
  }

  /** No callee took the call. One that exists and refuses is another case than none at all (RRT-2). */
  #failUntaken(call: PendingCall<P>): void {
    const { procedure, notTaken } = call;
    const missing = mayHaveMissed(call)
      ? REGISTERED_MEANWHILE
      : fault(ErrorUri.NO_SUCH_PROCEDURE, `no callee is registered for "${procedure}" now`);
    this.#endings.fail(call, 'refused', notTaken ?? noCallee(this.#outlet, missing));
  }

  #refusal(caller: CallerState<P>): Fault | undefined {
    if (caller.isLeaving) return LEAVING;
    const maxPending = caller.peer.maxPendingCalls ?? this.#options.limits.maxPendingCallsPerSession;
    if (caller.pending.size < maxPending) return undefined;
    this.#options.onLimit('calls_per_session');
    return fault(
      ErrorUri.LIMIT_EXCEEDED,
      `this session has its limit of ${maxPending} calls unanswered (limits.maxPendingCallsPerSession)`,
    );
  }

  #timeoutMs([, , { timeoutMs: wishedMs }]: Call): number {
    const { maxCallTimeoutMs } = this.#options.limits;
    if (maxCallTimeoutMs === undefined) return wishedMs;
    return wishedMs === 0 ? maxCallTimeoutMs : Math.min(wishedMs, maxCallTimeoutMs);
  }

  #expire(call: PendingCall<P>): void {
    if (!this.#calls.isPending(call)) return;
    const reason = fault(ErrorUri.TIMEOUT, `no result within ${call.timeout?.limitMs} ms`);
    this.#endings.fail(call, 'timeout', reason, 'killnowait');
  }
}

/** A larger call is not kept for another callee: a session could make the node hold all its pending calls (RRT-3). */
const MAX_KEPT_BYTES = 16_384;
