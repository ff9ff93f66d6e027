import type { AuthenticatorCall, AuthenticatorReply, Authenticators } from '../session/auth/authenticator.js';
import { isUnavailable, type Unavailable } from '../session/ports.js';
import type { AuthenticatorOutcome, Counters } from '../telemetry/counters.js';
import { isFault, type Fault } from '../wamp/faults.js';
import type { Uri } from '../wamp/ids.js';
import { ErrorUri } from '../wamp/uris.js';
import type { Realm } from './realm.js';
import { callFailure, ServiceCallError, type CallFailure } from './sessions/service-session.js';

type Failure = Exclude<AuthenticatorOutcome, 'returned' | 'refused' | 'canceled'>;

export interface AuthenticatorCallsOptions {
  readonly open: (realm: Uri) => Realm | Fault | Unavailable | Promise<Realm | Fault | Unavailable>;
  /** The bound for all realms together; a reload may change it. */
  readonly limits: { readonly maxPendingAuthentications: number };
  readonly counters: Counters;
  /** `message`: one sentence for people, without values that a client or an authenticator has sent. */
  readonly onFailure: (realm: Uri, procedure: Uri, reason: Failure, message: string) => void;
}

/** Calls authenticators through the service session of their realm, and classifies how the calls end. */
export class AuthenticatorCalls implements Authenticators {
  readonly #options: AuthenticatorCallsOptions;
  #pendingCount = 0;

  constructor(options: AuthenticatorCallsOptions) {
    this.#options = options;
  }

  async ask(call: AuthenticatorCall, signal: AbortSignal): Promise<AuthenticatorReply> {
    const { limits, counters } = this.#options;
    const maxPending = limits.maxPendingAuthentications;
    if (this.#pendingCount >= maxPending) {
      counters.limitsReached.pending_authentications++;
      return this.#fail(call, 'limit', `${maxPending} calls are in flight (limits.maxPendingAuthentications)`);
    }
    this.#pendingCount++;
    try {
      return await this.#call(call, signal);
    } finally {
      this.#pendingCount--;
    }
  }

  unusable(call: Pick<AuthenticatorCall, 'procedure' | 'realm'>, flaw: string): void {
    this.#fail(call, 'invalid', `its result cannot be used: ${flaw}`);
  }

  async #call(call: AuthenticatorCall, signal: AbortSignal): Promise<AuthenticatorReply> {
    const { procedure, timeoutMs } = call;
    const realm = await this.#options.open(call.realm);
    if (isFault(realm) || isUnavailable(realm)) return this.#fail(call, 'unreachable', realm.message);
    try {
      const { args, kwargs } = await realm.service.call(procedure, call.args, { timeoutMs, signal });
      this.#options.counters.authenticatorCalls.returned++;
      return { kind: 'returned', value: args.length === 0 && Object.keys(kwargs).length > 0 ? kwargs : args[0] };
    } catch (cause) {
      if (!(cause instanceof ServiceCallError)) throw cause;
      return this.#ended(call, cause, signal);
    }
  }

  #ended(call: AuthenticatorCall, { error }: ServiceCallError, signal: AbortSignal): AuthenticatorReply {
    if (signal.aborted) {
      if (signal.reason === 'timeout')
        return this.#fail(call, 'timeout', 'it did not answer within the handshake (limits.handshakeTimeoutMs)');
      this.#options.counters.authenticatorCalls.canceled++;
      return { kind: 'failed' };
    }
    const failure = failureOf(error);
    if (failure !== undefined) return this.#fail(call, failure, MESSAGES[failure]);
    this.#options.counters.authenticatorCalls.refused++;
    return { kind: 'refused' };
  }

  #fail(
    { realm, procedure }: Pick<AuthenticatorCall, 'procedure' | 'realm'>,
    reason: Failure,
    message: string,
  ): AuthenticatorReply {
    this.#options.counters.authenticatorCalls[reason]++;
    this.#options.onFailure(realm, procedure, reason, message);
    return { kind: 'failed' };
  }
}

const MESSAGES: Readonly<Record<Exclude<CallFailure, 'error'> | 'failed', string>> = {
  not_registered: 'no session has registered it',
  timeout: 'it did not answer in time',
  unreachable: 'its session or its node has gone, or cannot be reached',
  failed: 'it failed with an exception, which decides nothing',
};

/** Errors with which an authenticator decides, although their names are those of the protocol. */
const REFUSALS: ReadonlySet<Uri> = new Set([
  ErrorUri.NOT_AUTHORIZED,
  ErrorUri.AUTHENTICATION_DENIED,
  ErrorUri.AUTHENTICATION_FAILED,
  ErrorUri.AUTHENTICATION_REQUIRED,
  ErrorUri.NO_SUCH_PRINCIPAL,
  ErrorUri.NO_SUCH_ROLE,
]);

/**
 * Undefined: the error is the application's own, by which it refuses the client. Every other error of the protocol comes
 * from the router, or stands for an exception: client libraries call it `wamp.error.runtime_error`.
 */
function failureOf(error: Uri): Exclude<CallFailure, 'error'> | 'failed' | undefined {
  const failure = callFailure(error);
  if (failure !== 'error') return failure;
  return error.startsWith('wamp.') && !REFUSALS.has(error) ? 'failed' : undefined;
}
