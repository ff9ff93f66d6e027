import { NO_PAYLOAD, payloadOf } from '../../codec/payload.js';
import { Code } from '../../wamp/codes.js';
import { fault, violation, type Fault } from '../../wamp/faults.js';
import type { FeatureKey } from '../../wamp/features.js';
import type { NodeId, RequestId, Uri } from '../../wamp/ids.js';
import type { InvocationError, Yield } from '../../wamp/messages.js';
import type { Dict, Passthru, TimeUnit } from '../../wamp/options.js';
import type { Payload } from '../../wamp/payload.js';
import { ErrorUri } from '../../wamp/uris.js';
import {
  NOT_YET,
  NOT_YET_TAKEN,
  type CallKey,
  type CancelFrame,
  type ContinueFrame,
  type FailureFrame,
  type InvokeFrame,
} from '../frames.js';
import type { Outlet } from '../ports.js';
import type { Peer } from '../peer.js';
import { AbandonedInvocations, type AbandonedLimit, type AbandonedLimits } from './abandoned-invocations.js';
import type { Callees, CalleeState, PendingInvocation, LocalRegistration, UndecidedClaim } from './callees.js';
import { invocationDetails, withProgress } from './details.js';
import { NumberTable, type HashSeed } from '../number-table.js';

export interface CalleeSideOptions<P extends Peer> {
  readonly outlet: Outlet<P>;
  readonly callees: Callees<P>;
  readonly hashSeed: HashSeed;
  readonly rules: {
    /** PCR-2: a callee without call_canceling counts as one that cannot send progressive results. */
    readonly progressiveResultsRequireCanceling: boolean;
    readonly timeoutUnit: TimeUnit;
  };
  readonly limits: AbandonedLimits;
  /** The registration takes no more invocations from now on, or takes them again. */
  readonly onBusy: (registration: LocalRegistration<P>, isBusy: boolean) => void;
  readonly abort: (peer: P, violation: Fault) => void;
  readonly onLimit: (limit: AbandonedLimit) => void;
}

/**
 * The half of the dealer that owns invocations. It knows what the callees of this node announced, turns frames into
 * INVOCATION and INTERRUPT, and their answers into frames. All state changes before a frame or message is sent (D3).
 */
export class CalleeSide<P extends Peer> {
  readonly #options: CalleeSideOptions<P>;
  readonly #outlet: Outlet<P>;
  readonly #callees: Callees<P>;
  readonly #byCall = new Map<NodeId, NumberTable<PendingInvocation<P>>>();
  readonly #abandoned: AbandonedInvocations<P>;

  constructor(options: CalleeSideOptions<P>) {
    this.#options = options;
    this.#outlet = options.outlet;
    this.#callees = options.callees;
    const { outlet, hashSeed, limits, onLimit } = options;
    this.#abandoned = new AbandonedInvocations({
      outlet,
      hashSeed,
      limits,
      onFree: (registration) => this.#free(registration),
      onLimit,
    });
  }

  get invocationCount(): number {
    let count = 0;
    for (const invocations of this.#byCall.values()) count += invocations.size;
    return count;
  }

  /** Invocations that no caller waits for, unanswered by their callees, of registrations with a `concurrency`. */
  get abandonedCount(): number {
    return this.#abandoned.size;
  }

  /**
   * A callee without REGISTERED gets no INVOCATION (ORD-4). The call does not wait for it, because the callee's client
   * has not been promised the procedure.
   */
  invoke(frame: InvokeFrame): void {
    const callee = this.#callees.get(frame.callee);
    const registration = callee?.registrations.get(frame.registration);
    if (callee?.hasLeft === false && registration !== undefined) this.#start(callee, registration, frame);
    else this.#fail(frame.call, 'gone', absence(callee?.claims.get(frame.registration)));
  }

  /**
   * Handles the next chunk of a progressive call invocation. After the callee's final answer the chunk is ignored
   * (PCI-7).
   */
  continue(frame: ContinueFrame): void {
    const invocation = this.#byCall.get(frame.call.node)?.get(frame.call.number);
    if (invocation === undefined) {
      this.#outlet.count('late_continuation');
      return;
    }
    const refusal = this.#sendInvocation(invocation, frame.progress, frame.payload);
    if (refusal !== undefined) this.#giveUp(invocation, refusal);
  }

  /** Stops an invocation as far as its callee can (CAN-1, CAN-2). Unknown: it was answered meanwhile. */
  cancel({ call, mode }: CancelFrame): void {
    const invocation = this.#byCall.get(call.node)?.get(call.number);
    if (invocation === undefined) return;
    const canInterrupt = announces(invocation.callee.peer, 'call_canceling');
    if (mode === 'kill' && canInterrupt) {
      this.#interrupt(invocation, 'kill');
      return;
    }
    this.#abandon(invocation, mode === 'killnowait');
    if (mode === 'kill') this.#fail(call, 'canceled', ErrorUri.CANCELED);
    if (mode === 'killnowait') this.#interrupt(invocation, 'killnowait');
  }

  yield(peer: P, [, request, options, payload]: Yield): void {
    const { passthru } = options;
    const invocation = this.#answered(peer, request, !options.progress);
    if (invocation === undefined) return;
    const { call } = invocation;
    if (!options.progress) this.#forget(invocation);
    else if (!invocation.receiveProgress) {
      this.#outlet.count('unwanted_progress');
      return;
    }
    this.#outlet.sendFrame(
      call.node,
      passthru === undefined
        ? { kind: 'result', call, progress: options.progress, payload }
        : { kind: 'result', call, progress: options.progress, passthru, payload },
    );
  }

  error(peer: P, [, , request, options, error, payload]: InvocationError): void {
    const invocation = this.#answered(peer, request, true);
    if (invocation === undefined) return;
    this.#forget(invocation);
    const wantsReroute = error === ErrorUri.UNAVAILABLE && announces(peer, 'call_reroute');
    this.#fail(invocation.call, wantsReroute ? 'unavailable' : 'callee', error, payload, options.passthru);
  }

  /** The callee has left: notifies its callers (DLR-12). */
  leave(callee: CalleeState<P>): void {
    const invocations = callee.invocations.values();
    this.#abandoned.drop(callee);
    for (const invocation of invocations) this.#forget(invocation);
    for (const { call } of invocations) this.#fail(call, 'left', ErrorUri.CANCELED);
  }

  /** Ends `count` invocations of a callee that is leaving. False: it has no more than that. */
  leavePart(callee: CalleeState<P>, count: number): boolean {
    if (callee.invocations.size <= count) return false;
    const invocations = callee.invocations.some(count);
    for (const invocation of invocations) this.#forget(invocation);
    for (const { call } of invocations) this.#fail(call, 'left', ErrorUri.CANCELED);
    return true;
  }

  /** No caller waits at that node any more: its invocations end as if their callers had left (DLR-11). */
  dropNode(node: NodeId): void {
    const invocations = this.#byCall.get(node)?.values() ?? [];
    for (const invocation of invocations) this.#abandon(invocation, true);
    this.#byCall.delete(node);
    for (const invocation of invocations) this.#interrupt(invocation, 'killnowait');
  }

  /** The other nodes whose callers wait for a callee of this one. */
  callersElsewhere(here: NodeId): readonly NodeId[] {
    const nodes = new Set<NodeId>();
    for (const [node, { size }] of this.#byCall) if (size > 0) nodes.add(node);
    nodes.delete(here);
    return [...nodes];
  }

  #start(callee: CalleeState<P>, registration: LocalRegistration<P>, frame: InvokeFrame): void {
    const { call } = frame;
    if (registration.activeCount >= registration.concurrency || !this.#mayAbandon(registration)) {
      this.#fail(call, 'busy', ErrorUri.NO_AVAILABLE_CALLEE);
      return;
    }
    const lacking = lackingFeature(callee.peer, frame);
    if (lacking !== undefined) {
      this.#fail(call, 'refused', lacking.error, payloadOf([lacking.message]));
      return;
    }
    const asksProgress = frame.receiveProgress && this.#announcesProgress(callee.peer);
    const invocation: PendingInvocation<P> = {
      callee,
      request: ++callee.lastRequest as RequestId,
      registration,
      call,
      // wampy's callees send progress without announcing it: what the caller asked for is passed on.
      receiveProgress:
        asksProgress || (frame.receiveProgress && !this.#options.rules.progressiveResultsRequireCanceling),
      details: this.#detailsFor(callee.peer, registration, frame, asksProgress),
      wasInterrupted: false,
    };
    this.#remember(invocation);
    const refusal = this.#sendInvocation(invocation, frame.progress, frame.payload);
    if (refusal === undefined) return;
    // Nothing was sent, and ids must have no gaps (ID-4).
    callee.lastRequest--;
    this.#forget(invocation);
    this.#fail(call, 'refused', refusal.error, payloadOf([refusal.message]));
  }

  #detailsFor(peer: P, { match }: LocalRegistration<P>, frame: InvokeFrame, asksProgress: boolean): Dict {
    const { trustLevel } = frame;
    const announced = trustLevel !== undefined && announces(peer, 'call_trustlevels') ? trustLevel : undefined;
    return invocationDetails(frame, match, asksProgress, this.#options.rules.timeoutUnit, announced);
  }

  #sendInvocation(invocation: PendingInvocation<P>, progress: boolean, payload: Payload): Fault | undefined {
    const { callee, request, registration } = invocation;
    const details = progress ? withProgress(invocation.details) : invocation.details;
    return this.#outlet.send(callee.peer, [Code.INVOCATION, request, registration.id, details, payload]);
  }

  /**
   * The callee's serializer cannot represent a chunk: ends the call, because leaving the chunk out would corrupt the
   * stream.
   */
  #giveUp(invocation: PendingInvocation<P>, refusal: Fault): void {
    this.#abandon(invocation, true);
    this.#interrupt(invocation, 'killnowait');
    this.#fail(invocation.call, 'refused', refusal.error, payloadOf([refusal.message]));
  }

  /**
   * The invocation that a YIELD or ERROR of this session answers. An id that was never issued to the session is a
   * violation. The answer to an invocation that is over is discarded (DLR-9, DLR-10), but frees its concurrency slot.
   */
  #answered(peer: P, request: RequestId, isFinal: boolean): PendingInvocation<P> | undefined {
    const callee = this.#callees.get(peer.session);
    const invocation = callee?.invocations.get(request);
    if (invocation !== undefined) return invocation;
    if (callee === undefined || request > callee.lastRequest) {
      this.#options.abort(peer, violation(`no INVOCATION ${request} was ever sent to this session`));
      return undefined;
    }
    this.#outlet.count('late_yield');
    if (isFinal) this.#abandoned.answered(callee, request);
    return undefined;
  }

  #announcesProgress(peer: P): boolean {
    if (!announces(peer, 'progressive_call_results')) return false;
    return !this.#options.rules.progressiveResultsRequireCanceling || announces(peer, 'call_canceling');
  }

  /**
   * Sends INTERRUPT at most once per invocation, and only to callees that announced it: others drop the connection
   * (DLR-11).
   */
  #interrupt(invocation: PendingInvocation<P>, mode: 'kill' | 'killnowait'): void {
    const { callee, request, wasInterrupted } = invocation;
    if (wasInterrupted || callee.hasLeft || !announces(callee.peer, 'call_canceling')) return;
    invocation.wasInterrupted = true;
    this.#outlet.send(callee.peer, [Code.INTERRUPT, request, mode === 'kill' ? KILL : KILLNOWAIT]);
  }

  #remember(invocation: PendingInvocation<P>): void {
    const { callee, registration, request, call } = invocation;
    if (++registration.activeCount === registration.concurrency) this.#options.onBusy(registration, true);
    callee.invocations.set(request, invocation);
    let ofNode = this.#byCall.get(call.node);
    if (ofNode === undefined) this.#byCall.set(call.node, (ofNode = new NumberTable(this.#options.hashSeed)));
    ofNode.set(call.number, invocation);
  }

  /** Forgets an invocation that its callee has finished or never received. */
  #forget(invocation: PendingInvocation<P>): void {
    if (this.#takeOut(invocation)) this.#free(invocation.registration);
  }

  /**
   * Abandons an invocation that no caller waits for. Under a `concurrency` it keeps its slot until its callee, which
   * works on, has finished. `interrupts`: INTERRUPT is sent next, if the callee supports it.
   */
  #abandon(invocation: PendingInvocation<P>, interrupts: boolean): void {
    const { registration, callee, wasInterrupted } = invocation;
    if (!this.#takeOut(invocation)) return;
    if (registration.concurrency === Infinity) this.#free(registration);
    else this.#abandoned.add(invocation, wasInterrupted || (interrupts && announces(callee.peer, 'call_canceling')));
  }

  /** False: it was removed before. */
  #takeOut({ callee, request, call }: PendingInvocation<P>): boolean {
    if (!callee.invocations.delete(request)) return false;
    this.#byCall.get(call.node)?.delete(call.number);
    return true;
  }

  #free(registration: LocalRegistration<P>): void {
    if (registration.activeCount-- === registration.concurrency) this.#options.onBusy(registration, false);
  }

  #mayAbandon({ concurrency, callee }: LocalRegistration<P>): boolean {
    return concurrency === Infinity || this.#abandoned.hasRoom(callee);
  }

  #fail(
    call: CallKey,
    cause: FailureFrame['cause'],
    error: Uri,
    payload: Payload = NO_PAYLOAD,
    passthru?: Passthru,
  ): void {
    this.#outlet.sendFrame(
      call.node,
      passthru === undefined
        ? { kind: 'failure', call, cause, error, payload }
        : { kind: 'failure', call, cause, error, passthru, payload },
    );
  }
}

const KILL = Object.freeze({ mode: 'kill' });
const KILLNOWAIT = Object.freeze({ mode: 'killnowait' });

function announces(peer: Peer, feature: FeatureKey): boolean {
  return peer.features.callee?.has(feature) ?? false;
}

/** The fault when this invocation needs a feature that its callee did not announce (PCI-2, PCI-3, PPT-4). */
function lackingFeature(peer: Peer, frame: InvokeFrame): Fault | undefined {
  const needsCanceling = frame.progress && !announces(peer, 'call_canceling');
  if (needsCanceling || (frame.progress && !announces(peer, 'progressive_call_invocations')))
    return fault(ErrorUri.FEATURE_NOT_SUPPORTED, 'the callee takes no progressive call invocations');
  if (frame.passthru?.form === 'ppt' && !announces(peer, 'payload_passthru_mode'))
    return fault(ErrorUri.FEATURE_NOT_SUPPORTED, 'the callee takes no payload passthru');
  return undefined;
}

/** The error URI of a call to a callee that does not hold the registration. */
function absence(claim: UndecidedClaim | undefined): Uri {
  if (claim === undefined) return ErrorUri.NO_SUCH_PROCEDURE;
  return claim.isForced ? NOT_YET_TAKEN : NOT_YET;
}
