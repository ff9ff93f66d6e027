import { Code } from '../../wamp/codes.js';
import type { Fault } from '../../wamp/faults.js';
import type { Call, RouterMessage } from '../../wamp/messages.js';
import { NO_DETAILS, type CancelMode } from '../../wamp/options.js';
import { errorReply } from '../error-reply.js';
import type { FailureFrame } from '../frames.js';
import type { CallOutcome } from '../outcomes.js';
import type { Peer } from '../peer.js';
import type { Outlet } from '../ports.js';
import { acceptsPassthru, PASSTHRU_UNSUPPORTED } from './caller-faults.js';
import type { CallerState, PendingCall, PendingCalls } from './pending-calls.js';
import type { WaitingCalls } from './waiting-calls.js';

export interface CallEndingsOptions<P extends Peer> {
  readonly outlet: Outlet<P>;
  readonly calls: PendingCalls<P>;
  readonly waiting: WaitingCalls<P>;
  /** A call of this session that waited has ended: calls behind it may continue. */
  readonly onWaiterEnded: (peer: P) => void;
}

/** Gives each CALL its one final RESULT or ERROR (G3, DLR-8). All state changes before a message is sent. */
export class CallEndings<P extends Peer> {
  readonly #options: CallEndingsOptions<P>;
  readonly #outlet: Outlet<P>;
  readonly #calls: PendingCalls<P>;

  constructor(options: CallEndingsOptions<P>) {
    this.#options = options;
    this.#outlet = options.outlet;
    this.#calls = options.calls;
  }

  /** The call never became pending. */
  refuse(caller: CallerState<P>, [, request, options]: Call, refusal: Fault): void {
    if (options.progress) this.#calls.rememberUnfinished(caller, request);
    this.#outlet.callEnded('refused', 0);
    this.#outlet.send(caller.peer, errorReply(Code.CALL, request, refusal));
  }

  /** `cancel`: how the callee is asked to stop, if it has the call. */
  fail(call: PendingCall<P>, outcome: CallOutcome, reason: Fault, cancel?: CancelMode): void {
    const { peer } = call.caller;
    const hasWaited = this.#options.waiting.remove(call);
    this.#calls.end(call, outcome);
    this.#outlet.send(peer, errorReply(Code.CALL, call.request, reason));
    if (hasWaited) this.#options.onWaiterEnded(peer);
    else if (cancel !== undefined) this.sendCancel(call, cancel);
  }

  /** Forwards the callee's own ERROR (DLR-7). */
  forwardError(call: PendingCall<P>, { error, passthru, payload }: FailureFrame, outcome: CallOutcome): void {
    if (!acceptsPassthru(call, passthru)) {
      this.fail(call, outcome, PASSTHRU_UNSUPPORTED);
      return;
    }
    const details = passthru?.details ?? NO_DETAILS;
    this.answer(call, outcome, [Code.ERROR, Code.CALL, call.request, details, error, payload]);
  }

  /** Sends the final answer. When this caller's serializer cannot encode it, the caller gets the reason (G3). */
  answer(call: PendingCall<P>, outcome: CallOutcome, message: RouterMessage): void {
    const { peer } = call.caller;
    this.#calls.end(call, outcome);
    const refusal = this.#outlet.send(peer, message);
    if (refusal !== undefined) this.#outlet.send(peer, errorReply(Code.CALL, call.request, refusal));
  }

  /** The caller has left: nobody waits for the answer (DLR-11). */
  callerLeft(call: PendingCall<P>): void {
    if (!this.#calls.isPending(call)) return;
    this.#calls.end(call, 'caller_left');
    this.sendCancel(call, 'killnowait');
  }

  sendCancel({ callee, key }: PendingCall<P>, mode: CancelMode): void {
    this.#outlet.sendFrame(callee.node, { kind: 'cancel', call: key, mode });
  }
}
