import { payloadOf } from '../../codec/payload.js';
import { payloadValues, type Values } from '../../codec/payload-values.js';
import type { Decision } from '../../session/authorization/permission.js';
import type { Session } from '../../session/ports.js';
import { Code } from '../../wamp/codes.js';
import { fault, type Fault } from '../../wamp/faults.js';
import type { Features } from '../../wamp/features.js';
import type { RequestId, SessionId, Uri } from '../../wamp/ids.js';
import type { Call, Cancel, Publish, RouterMessage } from '../../wamp/messages.js';
import { NO_DETAILS, type Dict, type List } from '../../wamp/options.js';
import type { Payload } from '../../wamp/payload.js';
import { ErrorUri } from '../../wamp/uris.js';

/** A call of the router itself ended with an ERROR: the callee's own, or one that the router gives every caller. */
export class ServiceCallError extends Error {
  override readonly name = 'ServiceCallError';
  readonly error: Uri;
  readonly args: List;
  readonly kwargs: Dict;

  constructor(error: Uri, args: List = [], kwargs: Dict = NO_DETAILS) {
    super(`the call ended with ${error}`);
    this.error = error;
    this.args = args;
    this.kwargs = kwargs;
  }
}

/** Errors of calls that no callee took, or whose callee left before it answered. */
const UNREACHABLE: ReadonlySet<Uri> = new Set([
  ErrorUri.CANCELED,
  ErrorUri.NETWORK_FAILURE,
  ErrorUri.UNAVAILABLE,
  ErrorUri.NO_AVAILABLE_CALLEE,
  ErrorUri.MAX_CONCURRENCY_REACHED,
]);

/** The reason why a call failed. `error`: the callee has sent the error, or the router has for another reason. */
export type CallFailure = 'not_registered' | 'timeout' | 'unreachable' | 'error';

export function callFailure(error: Uri): CallFailure {
  if (error === ErrorUri.NO_SUCH_PROCEDURE) return 'not_registered';
  if (error === ErrorUri.TIMEOUT) return 'timeout';
  return UNREACHABLE.has(error) ? 'unreachable' : 'error';
}

export interface ServiceCallOptions {
  /** A callee that keeps the time itself (`forward_timeout`) may be 2 s late. */
  readonly timeoutMs: number;
  /** When it aborts, the call is canceled. */
  readonly signal?: AbortSignal | undefined;
  readonly kwargs?: Dict;
}

/** The router's own session in a realm: it calls procedures and publishes, not subject to authorization. */
export interface ServiceSession {
  /** Rejects with a ServiceCallError. Whatever happens to the callee, its node or this realm, the call ends once. */
  call(procedure: Uri, args: List, options: ServiceCallOptions): Promise<Values>;
  publish(topic: Uri, args: List, kwargs?: Dict): void;
}

/** Routing of the realm that a service session belongs to. */
export interface ServiceRouting {
  call(session: Session, message: Call): void;
  cancel(session: Session, message: Cancel): void;
  publish(session: Session, message: Publish): void;
  /** Ends all calls of the session, without an answer. */
  leave(session: Session): void;
}

interface Waiter {
  settle(outcome: Values | ServiceCallError): void;
}

/** The authid and authrole that receivers see where callers and publishers are disclosed. */
const SERVICE_NAME = 'gantry.service';
/** Calls in flight; components that call on behalf of clients have smaller bounds of their own. */
const MAX_PENDING_CALLS = 65_536;

const CLOSED = 'the realm is being closed on this node';

/**
 * The one session of a realm and node that has no connection. It is not in the directory, and neither counted nor
 * listed as a client. Its messages take the way of every other session's behind the authorizer.
 */
export class RealmService implements ServiceSession, Session {
  readonly session: SessionId;
  readonly realm: Uri;
  readonly authid = SERVICE_NAME;
  readonly authrole = SERVICE_NAME;
  readonly authmethod = 'internal';
  readonly authprovider = 'internal';
  readonly serializer = 'json';
  readonly maxMessageBytes = Infinity;
  readonly features: Features = { caller: new Set(['call_canceling', 'call_timeout']), publisher: new Set() };
  readonly maxPendingCalls = Infinity;
  readonly #routing: ServiceRouting;
  readonly #waiting = new Map<RequestId, Waiter>();
  #lastRequest = 0;
  #isOpen = true;

  constructor(realm: Uri, session: SessionId, routing: ServiceRouting) {
    this.realm = realm;
    this.session = session;
    this.#routing = routing;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isReachable(): boolean {
    return this.#isOpen;
  }

  get pendingCount(): number {
    return this.#waiting.size;
  }

  call(procedure: Uri, args: List, { timeoutMs, signal, kwargs }: ServiceCallOptions): Promise<Values> {
    const payload = payloadOf(args, kwargs);
    const refusal = this.#refusal(payload, signal);
    if (refusal !== undefined) return Promise.reject(toError(refusal));
    const request = ++this.#lastRequest as RequestId;
    return new Promise((resolve, reject) => {
      const cancel = (): void => this.#routing.cancel(this, [Code.CANCEL, request, { mode: 'killnowait' }]);
      this.#waiting.set(request, {
        settle: (outcome) => {
          this.#waiting.delete(request);
          signal?.removeEventListener('abort', cancel);
          if (outcome instanceof ServiceCallError) reject(outcome);
          else resolve(outcome);
        },
      });
      signal?.addEventListener('abort', cancel);
      const options = { timeoutMs, receiveProgress: false, progress: false, discloseMe: false };
      this.#routing.call(this, [Code.CALL, request, options, procedure, payload]);
    });
  }

  publish(topic: Uri, args: List, kwargs?: Dict): void {
    if (!this.#isOpen) return;
    const options = { acknowledge: false, excludeMe: false, discloseMe: false };
    const request = ++this.#lastRequest as RequestId;
    this.#routing.publish(this, [Code.PUBLISH, request, options, topic, payloadOf(args, kwargs)]);
  }

  /** Receives the final answers of its calls. */
  send(message: RouterMessage): undefined {
    if (message[0] === Code.RESULT) this.#answer(message[1], message[2], message[3]);
    else if (message[0] === Code.ERROR && message[1] === Code.CALL) this.#fail(message[2], message[4], message[5]);
    return undefined;
  }

  /** It subscribes to nothing, so that no event is delivered to it. */
  write(): void {
    throw new Error('an event was delivered to the service session');
  }

  /** Fails all calls. Called when the realm ends on this node; nothing else ends this session. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#routing.leave(this);
    for (const waiter of [...this.#waiting.values()])
      waiter.settle(new ServiceCallError(ErrorUri.UNAVAILABLE, [CLOSED]));
  }

  dismiss(): void {
    this.close();
  }

  endAfter(): void {
    throw new Error('a session of the router does not expire');
  }

  /** The router's own messages are not subject to authorization. */
  readonly authorizer = undefined;

  mayPublish(): Decision {
    return { allowed: true, disclose: false };
  }

  maySubscribe(): Decision {
    return { allowed: true, disclose: false };
  }

  reauthorize(): void {
    // No authorizer decides on them.
  }

  abort({ message }: Fault): void {
    throw new Error(`the service session violated the protocol: ${message}`);
  }

  #refusal(payload: Payload, signal: AbortSignal | undefined): Fault | undefined {
    if (!this.#isOpen) return fault(ErrorUri.UNAVAILABLE, CLOSED);
    if (signal?.aborted === true) return fault(ErrorUri.CANCELED, 'the call was canceled before it began');
    if (this.#waiting.size >= MAX_PENDING_CALLS)
      return fault(ErrorUri.LIMIT_EXCEEDED, `the router has ${MAX_PENDING_CALLS} calls of its own in flight here`);
    // Between nodes such a payload is JSON.
    const encoded = payload.in('json');
    return encoded instanceof Uint8Array ? undefined : fault(ErrorUri.INVALID_ARGUMENT, encoded.message);
  }

  #answer(request: RequestId, details: Dict, payload: Payload): void {
    const isOpaque = Object.keys(details).length > 0;
    const values = isOpaque ? undefined : payloadValues(payload);
    this.#waiting.get(request)?.settle(values ?? UNREADABLE());
  }

  #fail(request: RequestId, error: Uri, payload: Payload): void {
    const { args, kwargs } = payloadValues(payload) ?? {};
    this.#waiting.get(request)?.settle(new ServiceCallError(error, args, kwargs));
  }
}

const UNREADABLE = (): ServiceCallError =>
  new ServiceCallError(ErrorUri.INVALID_ARGUMENT, ['the router cannot read the result: it uses payload passthru']);

function toError({ error, message }: Fault): ServiceCallError {
  return new ServiceCallError(error, [message]);
}
