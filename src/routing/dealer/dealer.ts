import type { Fault } from '../../wamp/faults.js';
import type { NodeId, RegistrationId, RequestId, SessionId, Uri } from '../../wamp/ids.js';
import type { Call, Cancel, InvocationError, Register, Unregister, Yield } from '../../wamp/messages.js';
import type { TimeUnit } from '../../wamp/options.js';
import { unreachable } from '../../wamp/unreachable.js';
import type { Frame } from '../frames.js';
import type { HeldTotal } from '../held-total.js';
import type { Outlet, Registration, ClockAndRandom } from '../ports.js';
import type { Peer } from '../peer.js';
import type { AbandonedLimit, AbandonedLimits } from './abandoned-invocations.js';
import { CalleeSide } from './callee-side.js';
import { Callees, type LocalRegistration } from './callees.js';
import type { BusyError } from './caller-faults.js';
import { CallerSide } from './caller-side.js';
import { drawHashSeed } from '../number-table.js';
import { OpenClaims } from './open-claims.js';
import { Registrar, type ForceRule } from './registrar.js';
import { Registrations } from './registrations.js';
import { WaitingCalls, type WaitingLimits } from './waiting-calls.js';

export interface DealerOptions<P extends Peer> {
  readonly realm: Uri;
  readonly node: NodeId;
  readonly outlet: Outlet<P>;
  readonly sources: ClockAndRandom;
  readonly limits: DealerLimits;
  readonly heldTotal: HeldTotal;
  readonly rules: DealerRules;
  /** Ends a session for a protocol violation. May call `leave` before it returns. */
  readonly abort: (peer: P, violation: Fault) => void;
  /** REGISTERED has been sent to a session that still has the registration. */
  readonly onRegistered?: (callee: SessionId, registration: RegistrationId) => void;
  /** A request was refused because of `limits`, or a timeout has passed. */
  readonly onLimit?: (limit: DealerLimit) => void;
}

export type DealerLimit =
  'registrations_per_session' | 'calls_per_session' | 'held_calls' | 'kept_calls' | AbandonedLimit;

export interface DealerLimits extends WaitingLimits, AbandonedLimits {
  readonly maxRegistrationsPerSession: number;
  readonly maxPendingCallsPerSession: number;
  /**
   * From CALL to result, or from one progressive result to the next, also when the caller set a longer timeout or none.
   * Absent: no bound.
   */
  readonly maxCallTimeoutMs?: number | undefined;
}

export interface DealerRules {
  /**
   * Applies PCR-2 literally. False (the better default): callees that announce only progressive_call_results may send
   * progressive results, because autobahn-js announces no call_canceling for callees.
   */
  readonly progressiveResultsRequireCanceling: boolean;
  /** The unit of the timeout in INVOCATION.Details (TMO-3). */
  readonly timeoutUnit: TimeUnit;
  readonly forceReregister: ForceRule;
  /** Which ERROR URI a caller gets when every callee is at its `concurrency`. */
  readonly busyError: BusyError;
}

/** Sizes of the dealer's tables, for gauges. */
export interface DealerSizes {
  readonly registrations: number;
  /** Procedures and patterns that sessions of this node hold. */
  readonly localProcedures: number;
  readonly callers: number;
  readonly callees: number;
  readonly pendingCalls: number;
  /** Pending calls that wait for a REGISTER of their own session, or behind such a call. */
  readonly waitingCalls: number;
  readonly invocations: number;
  /** Invocations whose calls have ended, whose callees have not answered, and which count in a `concurrency`. */
  readonly abandonedInvocations: number;
}

/** How late a callee that knows the timeout may answer (TMO-3). */
const TIMEOUT_GRACE_MS = 2_000;

/**
 * Routes calls: a caller half and a callee half that communicate by frames only, also when both are on this node (D3).
 * Synchronous; all output goes through the outlet. After `leave`, a session must not be passed in again.
 */
export class Dealer<P extends Peer> {
  readonly #node: NodeId;
  readonly #mirror: Registrations;
  readonly #callees: Callees<P>;
  readonly #registrar: Registrar<P>;
  readonly #callerSide: CallerSide<P>;
  readonly #calleeSide: CalleeSide<P>;

  constructor(options: DealerOptions<P>) {
    const { realm, node, outlet, sources, limits, heldTotal, rules, abort, onLimit } = options;
    const hashSeed = drawHashSeed(() => sources.random());
    const mirror = new Registrations(hashSeed);
    const callees = new Callees<P>(hashSeed);
    const openClaims = new OpenClaims();
    this.#mirror = mirror;
    this.#callees = callees;
    this.#node = node;
    this.#calleeSide = new CalleeSide({
      outlet,
      callees,
      hashSeed,
      rules,
      limits,
      onBusy: (registration, isBusy) => this.#setBusy(registration, isBusy),
      abort,
      onLimit: (limit) => onLimit?.(limit),
    });
    this.#callerSide = new CallerSide({
      node,
      outlet,
      sources,
      hashSeed,
      mirror,
      waiting: new WaitingCalls({ limits, heldTotal, openClaims, mirror, callees }),
      limits,
      heldTotal,
      timeoutGraceMs: TIMEOUT_GRACE_MS,
      busyError: rules.busyError,
      abort,
      onLimit: (limit) => onLimit?.(limit),
    });
    this.#registrar = new Registrar({
      realm,
      node,
      outlet,
      callees,
      mirror,
      openClaims,
      limits,
      forceReregister: rules.forceReregister,
      onLimit: () => onLimit?.('registrations_per_session'),
      onRegistered: (callee, registration) => options.onRegistered?.(callee, registration),
      onDecided: ({ peer }) => this.#callerSide.resume(peer),
    });
  }

  /**
   * `mayDisclose`: the router may promise this callee its callers' identities; otherwise it refuses disclose_caller
   * (CID-3).
   */
  register(peer: P, message: Register, mayDisclose: boolean): void {
    this.#registrar.register(peer, message, mayDisclose);
  }

  unregister(peer: P, message: Unregister): void {
    this.#registrar.unregister(peer, message);
  }

  /**
   * `disclose`: the router discloses the caller's identity (CID-2). `isContinuation`: the request id is not above all
   * earlier ones of the session (PCI-6). False where ids are not checked: a pending call is continued anyway.
   */
  call(peer: P, message: Call, disclose: boolean, isContinuation: boolean): void {
    this.#callerSide.call(peer, message, disclose, isContinuation);
  }

  /** Handles a CALL of a procedure that no callee has: a call that would begin gets this error, a pending one continues. */
  refuseCall(peer: P, message: Call, refusal: Fault): void {
    this.#callerSide.call(peer, message, false, false, refusal);
  }

  /** Whether a CALL with this request id would repeat or continue one of the session. */
  knows(peer: P, request: RequestId): boolean {
    return this.#callerSide.knows(peer, request);
  }

  cancel(peer: P, message: Cancel): void {
    this.#callerSide.cancel(peer, message);
  }

  yield(peer: P, message: Yield): void {
    this.#calleeSide.yield(peer, message);
  }

  error(peer: P, message: InvocationError): void {
    this.#calleeSide.error(peer, message);
  }

  /**
   * Ends `count` of the calls, registrations or invocations of a session that receives nothing any more. No call goes to it from now
   * on. False: it has few of each, for `leave`.
   */
  leavePart(peer: P, count: number): boolean {
    const callee = this.#callees.get(peer.session);
    if (callee !== undefined) {
      callee.hasLeft = true;
      if (this.#registrar.dropClaims(callee, count)) return true;
    }
    if (this.#callerSide.pendingOf(peer) > count) {
      this.#callerSide.leave(peer, count);
      return true;
    }
    if (callee === undefined) return false;
    return this.#registrar.leavePart(callee, count) || this.#calleeSide.leavePart(callee, count);
  }

  /** Ends everything that the session holds (SES-13). */
  leave(peer: P): void {
    const callee = this.#callees.remove(peer);
    this.#callerSide.leave(peer);
    if (callee === undefined) return;
    this.#registrar.leave(callee);
    this.#calleeSide.leave(callee);
  }

  /** Withdraws all registrations of this node from the cluster; calls in flight are still served (drain). */
  withdraw(): void {
    this.#registrar.withdraw();
  }

  /** The session will be closed as soon as its calls have ended: it may not start new ones (drain). */
  sendAway(peer: P): void {
    this.#callerSide.sendAway(peer);
  }

  /** Whether the session waits for a call, or owes an answer to one. */
  hasCallsInFlight(peer: P): boolean {
    return this.#callerSide.pendingOf(peer) > 0 || (this.#callees.get(peer.session)?.invocations.size ?? 0) > 0;
  }

  /** Handles a frame from a node, this one included. */
  receive(from: NodeId, frame: Frame): void {
    switch (frame.kind) {
      case 'invoke':
        this.#calleeSide.invoke(frame);
        break;
      case 'continue':
        this.#calleeSide.continue(frame);
        break;
      case 'cancel':
        this.#calleeSide.cancel(frame);
        break;
      case 'result':
        this.#callerSide.result(frame);
        break;
      case 'failure':
        this.#callerSide.failure(frame);
        break;
      case 'lost':
        this.#callerSide.loseLane(from);
        break;
      default:
        unreachable(frame);
    }
  }

  /** Takes over the complete new state of one registration; for a claim of this node, before the claim is granted. */
  registration(row: Registration): void {
    this.#mirror.update(row);
    this.#registrar.registration(row);
  }

  /** The node is dead: calls to it get an ERROR, invocations from it get an INTERRUPT (G5). */
  nodeGone(node: NodeId): void {
    this.#mirror.dropNode(node);
    this.#callerSide.dropNode(node);
    this.#calleeSide.dropNode(node);
  }

  /**
   * A frame from that node was lost. Both sides give up all that crossed the lane, more than necessary: calls pending
   * there end with network_failure, invocations from there get an INTERRUPT. The caller of this method must send `lost`
   * to that node, because the lost frame may be an invoke (G3).
   */
  laneGap(from: NodeId): void {
    if (from === this.#node) return;
    this.#calleeSide.dropNode(from);
    this.#callerSide.loseLane(from);
  }

  /**
   * No other node can be reached: gives up all that crosses any lane, as if each had lost something (G6). Returns the
   * nodes whose invocations were given up; the caller of this method must send them `lost`. O(pending calls).
   */
  cutOff(): readonly NodeId[] {
    const given = this.#calleeSide.callersElsewhere(this.#node);
    for (const node of given) this.#calleeSide.dropNode(node);
    this.#callerSide.loseLanes();
    return given;
  }

  /** Ignores a registration that was released: other nodes do not know it any more. */
  #setBusy(registration: LocalRegistration<P>, isBusy: boolean): void {
    const { id, callee } = registration;
    if (callee.registrations.get(id) !== registration) return;
    if (isBusy) this.#mirror.pass(id, callee.peer.session, 'busy');
    else this.#mirror.admit(id, callee.peer.session);
  }

  /** The registrations of the cluster, as this node knows them. */
  get directory(): Pick<Registrations, 'find' | 'byId' | 'all' | 'match'> {
    return this.#mirror;
  }

  /** Takes a registration from a session of this node (REV-1). False: the session does not have it. */
  revoke(session: SessionId, registration: RegistrationId, reason: string | undefined): boolean {
    return this.#registrar.revoke(session, registration, reason);
  }

  /** The procedures that a session of this node has registered. O(its registrations). */
  registrationsOf(session: SessionId): readonly Pick<LocalRegistration<P>, 'procedure' | 'match'>[] {
    return this.#callees.get(session)?.registrations.values() ?? [];
  }

  sizes(): DealerSizes {
    return {
      registrations: this.#mirror.size,
      localProcedures: this.#registrar.procedureCount,
      callers: this.#callerSide.callerCount,
      callees: this.#callees.size,
      pendingCalls: this.#callerSide.pendingCount,
      waitingCalls: this.#callerSide.waitingCount,
      invocations: this.#calleeSide.invocationCount,
      abandonedInvocations: this.#calleeSide.abandonedCount,
    };
  }
}
