import type { NodeId, RegistrationId, SessionId, Uri } from '../wamp/ids.js';
import type { CancelMode, Passthru } from '../wamp/options.js';
import type { Payload } from '../wamp/payload.js';
import { ErrorUri } from '../wamp/uris.js';
import type { Identity } from './peer.js';

/**
 * Names a call between the two halves of the dealer: the caller's node and that node's running number for it.
 * A rerouted call gets a new number, so that a late answer of the first callee cannot end it.
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
  /** To be forwarded to the callee; 0: none (TMO-3). */
  readonly timeoutMs: number;
  readonly passthru?: Passthru;
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

/** Caller half → callee half: stop. With `skip` nobody waits any more, and the callee is not told. */
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

/** The error of a `gone` whose callee has no REGISTERED yet: it may take the next call (ORD-4). */
export const NOT_YET: Uri = ErrorUri.UNAVAILABLE;
/** The same of a callee that takes the procedure over by force: others may have lost it by now, and it may have it. */
export const NOT_YET_TAKEN: Uri = ErrorUri.PROCEDURE_ALREADY_EXISTS;

/** Callee half → caller half: the call failed. */
export interface FailureFrame {
  readonly kind: 'failure';
  readonly call: CallKey;
  /**
   * `callee`: its own ERROR, forwarded word for word (DLR-7).
   * `unavailable`: its ERROR wamp.error.unavailable, announced: another may be tried (RRT-1).
   * `gone`: nothing was forwarded, this callee has left, or its error is `NOT_YET` or `NOT_YET_TAKEN`: another may be tried (SHR-7).
   * `busy`: nothing was forwarded, its `concurrency` is reached: another may be tried.
   * `unreachable`: said by the caller's own node: the frame could not be sent to its node. Another may be tried (G6).
   * `left`: it left with the invocation in its hands (DLR-12).
   * `canceled`: asked to stop with `kill`, it was forgotten instead: it announced no call_canceling (CAN-2).
   * `refused`: no other callee would help, the error says why.
   */
  readonly cause: 'callee' | 'unavailable' | 'gone' | 'busy' | 'unreachable' | 'left' | 'canceled' | 'refused';
  readonly error: Uri;
  readonly passthru?: Passthru;
  readonly payload: Payload;
}

/**
 * Both halves → both halves of another node, of every realm whichever it is said in: something you told me was lost, and I
 * gave up what crossed our lane so far. Whatever is still pending towards me ends (G3).
 */
export interface LostFrame {
  readonly kind: 'lost';
}

export type Frame = InvokeFrame | ContinueFrame | CancelFrame | ResultFrame | FailureFrame | LostFrame;
