import type { NodeId, RegistrationId, SessionId, Uri } from '../wamp/ids.js';
import type { CancelMode, Passthru, TrustLevel } from '../wamp/options.js';
import type { Payload } from '../wamp/payload.js';
import { ErrorUri } from '../wamp/uris.js';
import type { Identity } from './peer.js';

/**
 * Identifies a call between the two halves of the dealer: the caller's node and that node's running number for it. A
 * rerouted call gets a new number, so that a late answer of the first callee cannot end it.
 */
export interface CallKey {
  readonly node: NodeId;
  readonly number: number;
}

/** Caller half → callee half: invoke this callee. */
export interface InvokeFrame {
  readonly kind: 'invoke';
  readonly call: CallKey;
  readonly registration: RegistrationId;
  readonly callee: SessionId;
  readonly procedure: Uri;
  readonly caller: Identity;
  readonly discloseCaller: boolean;
  readonly receiveProgress: boolean;
  readonly progress: boolean;
  /** The timeout to forward to the callee; 0: none (TMO-3). */
  readonly timeoutMs: number;
  readonly passthru?: Passthru;
  /** For a callee that announced call_trustlevels. */
  readonly trustLevel?: TrustLevel;
  /** W3C traceparent of the CALL, opaque. */
  readonly trace?: string;
  readonly payload: Payload;
}

/** Caller half → callee half: the next chunk of a progressive call invocation (PCI-1). */
export interface ContinueFrame {
  readonly kind: 'continue';
  readonly call: CallKey;
  readonly progress: boolean;
  readonly payload: Payload;
}

/** Caller half → callee half: stop. With `skip` the caller does not wait any more, and the callee gets no INTERRUPT. */
export interface CancelFrame {
  readonly kind: 'cancel';
  readonly call: CallKey;
  readonly mode: CancelMode;
}

/** Callee half → caller half: a progressive or the final result. */
export interface ResultFrame {
  readonly kind: 'result';
  readonly call: CallKey;
  readonly progress: boolean;
  readonly passthru?: Passthru;
  readonly payload: Payload;
}

/** Error of a `gone` whose callee has no REGISTERED yet: it may take the next call (ORD-4). */
export const NOT_YET: Uri = ErrorUri.UNAVAILABLE;
/**
 * Error of a `gone` whose callee takes the procedure over by force: the others may have lost it by now, and this callee
 * may have it.
 */
export const NOT_YET_TAKEN: Uri = ErrorUri.PROCEDURE_ALREADY_EXISTS;

/** Callee half → caller half: the call failed. */
export interface FailureFrame {
  readonly kind: 'failure';
  readonly call: CallKey;
  /**
   * `callee`: the callee's own ERROR, forwarded unchanged (DLR-7). `unavailable`: its ERROR wamp.error.unavailable,
   * after it announced call_reroute: the caller half may try another callee (RRT-1). `gone`: nothing was forwarded,
   * because the callee has left, or its error is `NOT_YET` or `NOT_YET_TAKEN`: another may be tried (SHR-7). `busy`:
   * nothing was forwarded, because the callee's `concurrency` is reached: another may be tried. `unreachable`: the
   * caller's own node could not send the frame: another may be tried (G6). `left`: the callee left with the invocation
   * unanswered (DLR-12). `canceled`: it was asked to stop with `kill` and announced no call_canceling, so that its node
   * forgot the invocation (CAN-2). `refused`: no other callee would help; the error gives the reason.
   */
  readonly cause: 'callee' | 'unavailable' | 'gone' | 'busy' | 'unreachable' | 'left' | 'canceled' | 'refused';
  readonly error: Uri;
  readonly passthru?: Passthru;
  readonly payload: Payload;
}

/**
 * Both halves → both halves of another node, for every realm: this node has lost something that you sent, and has given
 * up all that crossed the lane so far. End everything that is still pending towards this node (G3).
 */
export interface LostFrame {
  readonly kind: 'lost';
}

export type Frame = InvokeFrame | ContinueFrame | CancelFrame | ResultFrame | FailureFrame | LostFrame;
