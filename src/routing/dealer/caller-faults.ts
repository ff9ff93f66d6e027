import { fault, violation, type Fault } from '../../wamp/faults.js';
import type { Uri } from '../../wamp/ids.js';
import type { Call } from '../../wamp/messages.js';
import type { Passthru } from '../../wamp/options.js';
import { ErrorUri } from '../../wamp/uris.js';
import type { Outlet } from '../ports.js';
import type { Peer } from '../peer.js';
import type { PendingCall } from './pending-calls.js';
import type { WaitingLimits } from './waiting-calls.js';

/** `wamp`: wamp.error.no_available_callee; `crossbar`: crossbar.error.max_concurrency_reached. */
export type BusyError = 'wamp' | 'crossbar';

export function noSuchProcedure(procedure: Uri): Fault {
  return fault(ErrorUri.NO_SUCH_PROCEDURE, `no callee has registered "${procedure}"`);
}

export function tooManyWait({ maxHeldMessages, maxHeldBytes }: WaitingLimits): Fault {
  return fault(
    ErrorUri.LIMIT_EXCEEDED,
    `too many calls of this session wait for its REGISTER: at most ${maxHeldMessages} messages and ${maxHeldBytes} bytes (limits.maxHeldMessages, limits.maxHeldBytes)`,
  );
}

export const LEAVING = fault(
  ErrorUri.UNAVAILABLE,
  'this node is shutting down and has forwarded nothing: connect again and repeat the call',
);
export const CALLEE_LEFT = fault(ErrorUri.CANCELED, 'the callee has left');
/** For a call that is not kept for another callee (RRT-3). */
export const NOT_REGISTERED_YET = fault(
  ErrorUri.NO_AVAILABLE_CALLEE,
  'the callee has not been registered yet, and this call is too large, or has gone too far, for another: try again',
);
/** For a call that was too early for one callee, and too late for the next (ADR 50). */
export const REGISTERED_MEANWHILE = fault(
  ErrorUri.NO_AVAILABLE_CALLEE,
  'a callee of the procedure has left, and another one was still being registered when it was asked: try again',
);
export const CANCELED_BY_CALLER = fault(ErrorUri.CANCELED, 'the caller canceled the call');
export const ALL_UNAVAILABLE = fault(
  ErrorUri.NO_AVAILABLE_CALLEE,
  'every callee of the procedure is busy or unavailable: try again',
);
export const ALL_BUSY: Readonly<Record<BusyError, Fault>> = {
  wamp: ALL_UNAVAILABLE,
  crossbar: fault(
    ErrorUri.MAX_CONCURRENCY_REACHED,
    'every callee of the procedure has as many calls as it takes at once',
  ),
};
export const UNREACHABLE = fault(
  ErrorUri.NETWORK_FAILURE,
  'the node of the callee cannot be reached now: try again later',
);
const UNKNOWABLE = fault(
  ErrorUri.NETWORK_FAILURE,
  'this node cannot know now whether another one has a callee: try again later',
);
export const OUT_OF_REACH = fault(
  ErrorUri.NETWORK_FAILURE,
  'the node of the callee can no longer be reached: the call may have been carried out',
);
export const LANE_LOST = fault(ErrorUri.NETWORK_FAILURE, 'the connection to the node of the callee lost messages');
export const PASSTHRU_UNSUPPORTED = fault(
  ErrorUri.FEATURE_NOT_SUPPORTED,
  'the callee answered with payload passthru, which this caller did not announce',
);

/** a caller that did not announce passthru gets an ERROR instead of an answer that it cannot read. */
export function acceptsPassthru<P extends Peer>(call: PendingCall<P>, passthru: Passthru | undefined): boolean {
  if (passthru?.form !== 'ppt') return true;
  return call.caller.peer.features.caller?.has('payload_passthru_mode') ?? false;
}

/** The violation of a CALL that repeats or continues another (PV-10, PCI-6, PCI-10). `session/intake` checks all else. */
export function violationIn<P extends Peer>(
  { features }: P,
  [, request, , procedure]: Call,
  pending: PendingCall<P> | undefined,
  isContinuation: boolean,
): Fault | undefined {
  if (pending === undefined) {
    return isContinuation && features.caller?.has('progressive_call_invocations') !== true
      ? violation(`CALL repeats the request id ${request}`)
      : undefined;
  }
  if (!pending.expectsMore)
    return violation(`CALL ${request} continues a call that is not progressive, or is complete`);
  if (pending.procedure !== procedure)
    return violation(`CALL ${request} continues a call of "${pending.procedure}" with another procedure`);
  return undefined;
}

/** `reason`, unless other nodes may have accepted registrations that this one does not know of (G6). */
export function noCallee({ isIsolated }: Pick<Outlet<Peer>, 'isIsolated'>, reason: Fault): Fault {
  return isIsolated ? UNKNOWABLE : reason;
}
