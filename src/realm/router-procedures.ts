import { payloadOf } from '../codec/payload.js';
import { payloadValues } from '../codec/payload-values.js';
import { errorReply } from '../routing/error-reply.js';
import type { CallOutcome } from '../routing/outcomes.js';
import type { Session } from '../session/ports.js';
import { Code } from '../wamp/codes.js';
import { fault, isFault, violation, type Fault } from '../wamp/faults.js';
import type { RequestId, Uri } from '../wamp/ids.js';
import type { Call, RouterMessage } from '../wamp/messages.js';
import { NO_DETAILS, type Dict, type List } from '../wamp/options.js';
import { ErrorUri } from '../wamp/uris.js';

/** One CALL of a procedure of the router. */
export interface ProcedureCall {
  readonly realm: Uri;
  readonly caller: Session;
  readonly args: List;
  readonly kwargs: Dict;
  /** Aborts when nobody waits for the outcome any more. */
  readonly signal: AbortSignal;
}

export interface ProcedureResult {
  readonly args?: List;
  readonly kwargs?: Dict;
}

type Outcome = ProcedureResult | Fault;

/** A Fault becomes the ERROR. An exception is a technical failure: it is logged, and the caller gets `unavailable`. */
export type RouterProcedure = (call: ProcedureCall) => Outcome | Promise<Outcome>;

/** Procedures of the router itself, the same in every realm. Their URIs begin with `gantry.` or `wamp.`. */
export type RouterProcedures = ReadonlyMap<Uri, RouterProcedure>;

export interface RouterCallsOptions {
  readonly realm: Uri;
  /** Asked at each call. */
  readonly procedures: Pick<RouterProcedures, 'get'>;
  /** Read at each call. */
  readonly limits: { readonly maxPendingCallsPerSession: number };
  readonly after: (delayMs: number, action: () => void) => () => void;
  readonly nowMs: () => number;
  readonly callEnded: (outcome: CallOutcome, elapsedMs: number) => void;
  /** A call was refused because its session has as many in flight as it may have. */
  readonly onLimit: () => void;
  readonly onFailure: (procedure: Uri, cause: unknown) => void;
}

interface PendingCall {
  readonly request: RequestId;
  readonly startedMs: number;
  readonly controller: AbortController;
  stopTimer: () => void;
}

/** Bound for a caller that set no timeout, or a longer one. */
const MAX_DURATION_MS = 60_000;

/** The calls of one realm's sessions to procedures of the router. Each gets exactly one RESULT or ERROR (G3, DLR-8). */
export class RouterCalls {
  readonly #options: RouterCallsOptions;
  /** Calls whose procedure has not settled. */
  readonly #pending = new Map<Session, Map<RequestId, PendingCall>>();

  constructor(options: RouterCallsOptions) {
    this.#options = options;
  }

  has(procedure: Uri): boolean {
    return isRouterUri(procedure) && this.#options.procedures.get(procedure) !== undefined;
  }

  isPending(session: Session, request: RequestId): boolean {
    return this.#pending.get(session)?.has(request) ?? false;
  }

  hasPending(session: Session): boolean {
    return this.#pending.has(session);
  }

  call(session: Session, message: Call): void {
    const [, request, options, uri, payload] = message;
    const procedure = this.#options.procedures.get(uri);
    if (procedure === undefined) throw new Error(`the router has no procedure "${uri}"`);
    const values = options.passthru === undefined ? payloadValues(payload) : undefined;
    if (values === undefined) {
      const reason = 'procedures of the router take no payload passthru';
      this.#refuse(session, request, fault(ErrorUri.FEATURE_NOT_SUPPORTED, reason));
      return;
    }
    const refusal = this.#refusal(session);
    if (refusal !== undefined) {
      this.#refuse(session, request, refusal);
      return;
    }
    const controller = new AbortController();
    const call = { request, controller, startedMs: this.#options.nowMs(), stopTimer: () => undefined };
    const { signal } = controller;
    let outcome: Outcome | Promise<Outcome>;
    try {
      outcome = procedure({ realm: this.#options.realm, caller: session, ...values, signal });
    } catch (cause) {
      outcome = this.#failure(uri, cause);
    }
    if (!(outcome instanceof Promise)) {
      this.#answer(session, call, outcome);
      return;
    }
    this.#wait(session, call, options.timeoutMs);
    outcome.then(
      (settled) => this.#settle(session, call, settled),
      (cause: unknown) => this.#settle(session, call, this.#failure(uri, cause)),
    );
  }

  /** True: the call was one of these, and has ended. */
  cancel(session: Session, request: RequestId): boolean {
    const call = this.#pending.get(session)?.get(request);
    if (call === undefined) return false;
    this.#give(session, call, 'canceled', fault(ErrorUri.CANCELED, 'the caller canceled the call'));
    return true;
  }

  /** The session has left: nobody waits for its calls. */
  leave(session: Session): void {
    for (const call of [...(this.#pending.get(session)?.values() ?? [])]) {
      this.#end(session, call, 'caller_left');
      call.controller.abort();
    }
  }

  #refusal(session: Session): Fault | undefined {
    const { maxPendingCallsPerSession } = this.#options.limits;
    if ((this.#pending.get(session)?.size ?? 0) < maxPendingCallsPerSession) return undefined;
    this.#options.onLimit();
    return fault(
      ErrorUri.LIMIT_EXCEEDED,
      `this session has its limit of ${maxPendingCallsPerSession} calls unanswered (limits.maxPendingCallsPerSession)`,
    );
  }

  #refuse(session: Session, request: RequestId, reason: Fault): void {
    this.#options.callEnded('refused', 0);
    session.send(errorReply(Code.CALL, request, reason));
  }

  #wait(session: Session, call: PendingCall, wishedMs: number): void {
    const calls = this.#pending.get(session) ?? new Map<RequestId, PendingCall>();
    this.#pending.set(session, calls.set(call.request, call));
    const limitMs = wishedMs === 0 ? MAX_DURATION_MS : Math.min(wishedMs, MAX_DURATION_MS);
    call.stopTimer = this.#options.after(limitMs, () => {
      if (this.isPending(session, call.request))
        this.#give(session, call, 'timeout', fault(ErrorUri.TIMEOUT, `no result within ${limitMs} ms`));
    });
  }

  /** Ignores the outcome of a call that was canceled, or has timed out. */
  #settle(session: Session, call: PendingCall, outcome: Outcome): void {
    if (this.#pending.get(session)?.get(call.request) !== call) return;
    this.#answer(session, call, outcome);
  }

  /** The router gives the call up. */
  #give(session: Session, call: PendingCall, outcome: CallOutcome, reason: Fault): void {
    this.#end(session, call, outcome);
    session.send(errorReply(Code.CALL, call.request, reason));
    call.controller.abort();
  }

  #answer(session: Session, call: PendingCall, outcome: Outcome): void {
    this.#end(session, call, isFault(outcome) ? 'error' : 'result');
    const message: RouterMessage = isFault(outcome)
      ? errorReply(Code.CALL, call.request, outcome)
      : [Code.RESULT, call.request, NO_DETAILS, payloadOf(outcome.args, outcome.kwargs)];
    const refusal = session.send(message);
    if (refusal !== undefined) session.send(errorReply(Code.CALL, call.request, refusal));
  }

  #end(session: Session, call: PendingCall, outcome: CallOutcome): void {
    call.stopTimer();
    const calls = this.#pending.get(session);
    calls?.delete(call.request);
    if (calls?.size === 0) this.#pending.delete(session);
    this.#options.callEnded(outcome, this.#options.nowMs() - call.startedMs);
  }

  #failure(procedure: Uri, cause: unknown): Fault {
    this.#options.onFailure(procedure, cause);
    return fault(ErrorUri.UNAVAILABLE, 'the router could not carry out the procedure: try again later');
  }
}

export const NOT_PROGRESSIVE = fault(
  ErrorUri.NO_SUCH_PROCEDURE,
  'no procedure of the router takes progressive call invocations',
);

/** The violation of a CALL with the id of a call that the router has not answered. */
export function repeated(request: RequestId): Fault {
  return violation(`CALL repeats the request id ${request}`);
}

/** True for most calls without a look-up: application URIs begin with other components. */
function isRouterUri(uri: Uri): boolean {
  return uri.startsWith('gantry.') || uri.startsWith('wamp.');
}
