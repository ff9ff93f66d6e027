import { Code } from '../../wamp/codes.js';
import type { Fault } from '../../wamp/faults.js';
import type { NodeId, RegistrationId } from '../../wamp/ids.js';
import type { Call } from '../../wamp/messages.js';
import type { InvokeFrame } from '../frames.js';
import type { Callee, Outlet, ClockAndRandom } from '../ports.js';
import type { Peer } from '../peer.js';
import { allCallees } from '../successors.js';
import { noCallee, noSuchProcedure, tooManyWait } from './caller-faults.js';
import type { Forwarding } from './forwarding.js';
import { chooseCallee } from './invocation-policy.js';
import type { CallerState, PendingCall, PendingCalls } from './pending-calls.js';
import type { RegistrationEntry } from './registrations.js';
import type { WaitingPosition, WaitingCall, WaitingCalls, WaitingLimits } from './waiting-calls.js';

/** The ways on of a call that waits here. */
export interface CallFlow<P extends Peer> {
  forward(call: PendingCall<P>, message: Call): void;
  continue(call: PendingCall<P>, chunk: Call): void;
  /** Before the call was pending. */
  refuse(caller: CallerState<P>, message: Call, reason: Fault): void;
  fail(call: PendingCall<P>, reason: Fault): void;
  /** No callee took the call. */
  failUntaken(call: PendingCall<P>): void;
}

export interface OwnOrderOptions<P extends Peer> {
  readonly node: NodeId;
  readonly outlet: Outlet<P>;
  readonly sources: ClockAndRandom;
  readonly limits: WaitingLimits;
  readonly busy: Fault;
  readonly calls: PendingCalls<P>;
  readonly waiting: WaitingCalls<P>;
  readonly forwarding: Forwarding<P>;
  readonly flow: CallFlow<P>;
  readonly onLimit: (limit: 'held_calls') => void;
}

/** Handles calls that wait for a REGISTER of their own session, and calls behind them (G10, ORD-3). */
export class OwnOrder<P extends Peer> {
  readonly #options: OwnOrderOptions<P>;

  constructor(options: OwnOrderOptions<P>) {
    this.#options = options;
  }

  /** Adds a new call at its position. `limitMs`: its timeout, which counts from now; 0: none. */
  wait(caller: CallerState<P>, message: Call, place: WaitingPosition, { disclose, limitMs }: CallWish): void {
    const { node, limits, onLimit, calls, waiting, forwarding, flow } = this.#options;
    const { peer } = caller;
    if (!waiting.hasRoom(peer, message)) {
      onLimit('held_calls');
      flow.refuse(caller, message, tooManyWait(limits));
      return;
    }
    const placeholder: Callee = { node, session: peer.session, discloseCaller: false, forwardTimeout: false };
    const call = calls.make(caller, message, { disclose, entry: NOWHERE, callee: placeholder, limitMs });
    calls.add(call);
    waiting.add(call, message, place);
    forwarding.keepTime(call);
  }

  /**
   * A REGISTER of this session was decided and answered, or a call that waited has ended: continues the calls behind
   * it.
   */
  resume(peer: P): void {
    const { waiting } = this.#options;
    for (;;) {
      const next = waiting.ready(peer);
      if (next === undefined) return;
      const isOvertaken = waiting.isOvertaken(next);
      waiting.remove(next.call);
      this.#goOn(next, isOvertaken);
    }
  }

  /**
   * Another callee did not take the call. True: the call now goes to its own session and waits behind earlier ones
   * (ORD-3).
   */
  waitsAtHome(call: PendingCall<P>, { receiveProgress, progress, payload }: InvokeFrame): boolean {
    const { limits, onLimit, waiting, flow } = this.#options;
    const { caller, request, procedure, callee } = call;
    const { peer } = caller;
    if (callee.session !== peer.session || !waiting.isBehind(call)) return false;
    const options = { timeoutMs: 0, receiveProgress, progress, discloseMe: call.disclose };
    const message: Call = [Code.CALL, request, options, procedure, payload];
    if (waiting.hasRoom(peer, message))
      waiting.add(call, message, { claim: undefined, isContested: false, isPlaced: true });
    else {
      onLimit('held_calls');
      flow.fail(call, tooManyWait(limits));
    }
    return true;
  }

  /** Adds a further chunk of a waiting call. Leaving one out would corrupt the stream. */
  continue(call: PendingCall<P>, chunk: Call): void {
    const { limits, onLimit, waiting, flow } = this.#options;
    if (waiting.addChunk(call, chunk)) return;
    onLimit('held_calls');
    flow.fail(call, tooManyWait(limits));
  }

  #goOn(waiting: WaitingCall<P>, isOvertaken: boolean): void {
    const { calls, forwarding, flow } = this.#options;
    const { call, chunks } = waiting;
    if (!waiting.isPlaced) this.#place(waiting, isOvertaken);
    else if (!forwarding.goOn(call)) flow.failUntaken(call);
    for (const chunk of chunks) if (calls.isPending(call)) flow.continue(call, chunk);
  }

  #place({ call, message }: WaitingCall<P>, isOvertaken: boolean): void {
    const { outlet, sources, busy, calls, forwarding, flow } = this.#options;
    const { procedure, caller } = call;
    const entry = forwarding.registrationFor(procedure);
    const own = (callee: Callee): boolean => callee.session === caller.peer.session;
    const callee = isOvertaken
      ? entry && allCallees(entry.registration).find(own)
      : entry && chooseCallee(entry, undefined, sources);
    if (entry === undefined || callee === undefined) {
      const isUnknown = entry === undefined || isOvertaken;
      flow.fail(call, isUnknown ? noCallee(outlet, noSuchProcedure(procedure)) : busy);
      return;
    }
    call.entry = entry;
    calls.rekey(call, callee);
    flow.forward(call, message);
  }
}

export interface CallWish {
  readonly disclose: boolean;
  readonly limitMs: number;
}

/** The registration of a waiting call, which has none yet. */
const NOWHERE: RegistrationEntry = {
  registration: { id: 0 as RegistrationId, procedure: '', match: 'exact', invoke: 'single', createdMs: 0, callees: [] },
  lastIndex: -1,
  passedOver: undefined,
};
