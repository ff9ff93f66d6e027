import { errorReply } from '../routing/error-reply.js';
import type { Counters } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import { Code } from '../wamp/codes.js';
import { fault, isFault, violation, type Fault } from '../wamp/faults.js';
import type { Features, RoleFeatures } from '../wamp/features.js';
import type { RequestId, Uri } from '../wamp/ids.js';
import type { Call, InvocationError, Publish, Register, RoutedMessage, Subscribe, Yield } from '../wamp/messages.js';
import type { MatchPolicy, Passthru, TrustLevel } from '../wamp/options.js';
import { unreachable } from '../wamp/unreachable.js';
import { checkUri, isReserved } from '../wamp/uri-rules.js';
import { ErrorUri } from '../wamp/uris.js';
import type { Action, Decision } from './authorization/permission.js';
import type { Asker, Request } from './authorization/question.js';
import { AuthorizationFailedError } from './authorization/remote-authorizer.js';
import type { Authorizer, RealmRules, Session, SessionRealm } from './ports.js';
import { RequestIds } from './request-ids.js';

type Role = keyof Features;

/** Undefined: handled. A Fault: the session is to be aborted. A Promise: the next message has to wait for it. */
export type Verdict = undefined | Fault | Promise<void>;

/** A session that authorization decides on. */
type AuthorizedSession = Session & Asker & { readonly authorizer: Authorizer };

export interface IntakeOptions {
  readonly session: AuthorizedSession;
  readonly realm: SessionRealm;
  readonly counters: Counters;
  readonly logger: Logger;
}

/**
 * Checks what a session sends before the realm routes it: request ids, roles, features, URIs, authorization (rules 2.4,
 * 2.5). Synchronous, and without allocation of its own unless the authorizer is asynchronous.
 */
export class Intake {
  readonly #session: AuthorizedSession;
  readonly #realm: SessionRealm;
  readonly #rules: RealmRules;
  readonly #counters: Counters;
  readonly #logger: Logger;
  /** Undefined: this realm does not check request ids. */
  readonly #requests: RequestIds | undefined;
  /**
   * Progressive calls that were refused before the dealer saw them, where request ids do not show it: further chunks
   * get no answer (PCI-7).
   */
  #refusedCalls: Set<RequestId> | undefined;
  /** The last URI that was well-formed: most sessions use the same few URIs again and again. */
  #lastUri: Uri | undefined;

  constructor({ session, realm, counters, logger }: IntakeOptions) {
    this.#session = session;
    this.#realm = realm;
    this.#rules = realm.rules;
    this.#counters = counters;
    this.#logger = logger;
    // Long-poll sends each message in a request of its own: they may arrive in another order.
    const isOrdered = session.transport.type !== 'longpoll';
    this.#requests = isOrdered && realm.rules.requestIdCheck === 'strict' ? new RequestIds() : undefined;
  }

  accept(message: RoutedMessage): Verdict {
    switch (message[0]) {
      case Code.PUBLISH:
        return this.#publish(message);
      case Code.CALL:
        return this.#call(message);
      case Code.YIELD:
        return this.#yield(message);
      case Code.ERROR:
        return this.#error(message);
      case Code.SUBSCRIBE:
        return this.#checkRole('SUBSCRIBE', 'subscriber') ?? this.#name('SUBSCRIBE', 'subscribe', message);
      case Code.REGISTER:
        return this.#checkRole('REGISTER', 'callee') ?? this.#name('REGISTER', 'register', message);
      case Code.UNSUBSCRIBE:
        return (
          this.#checkRole('UNSUBSCRIBE', 'subscriber') ??
          this.#requests?.advance('UNSUBSCRIBE', message[1]) ??
          this.#route(message)
        );
      case Code.UNREGISTER:
        return (
          this.#checkRole('UNREGISTER', 'callee') ??
          this.#requests?.advance('UNREGISTER', message[1]) ??
          this.#route(message)
        );
      case Code.CANCEL:
        return this.#checkRole('CANCEL', 'caller') ?? this.#route(message);
      default:
        return unreachable(message);
    }
  }

  #publish(message: Publish): Verdict {
    const flaw =
      this.#checkRole('PUBLISH', 'publisher') ??
      checkPassthru('PUBLISH', message[2].passthru, this.#session.features.publisher) ??
      this.#requests?.advance('PUBLISH', message[1]);
    return flaw ?? this.#authorize('publish', message, 'exact');
  }

  #call(message: Call): Verdict {
    const { caller } = this.#session.features;
    const [, request, options] = message;
    const flaw = this.#checkRole('CALL', 'caller') ?? checkPassthru('CALL', options.passthru, caller);
    if (flaw !== undefined) return flaw;
    if (options.progress && caller?.has('progressive_call_invocations') !== true) {
      return violation('CALL.Options.progress needs progressive_call_invocations, which the caller did not announce');
    }
    const place = this.#requests?.advanceCall(request) ?? 'new';
    if (isFault(place)) return place;
    // The first CALL was checked and authorised; an ERROR here would be a second answer (DLR-8).
    if (place === 'continuation') {
      this.#realm.continueCall(this.#session, message);
      return undefined;
    }
    if (this.#refusedCalls?.has(request) === true) {
      if (!options.progress) this.#refusedCalls.delete(request);
      this.#counters.routing.late_continuation++;
      return undefined;
    }
    const { timeoutMs } = options;
    if (timeoutMs === 0 || this.#rules.callTimeoutUnit === 'ms') return this.#authorize('call', message, 'exact');
    return this.#authorize('call', withTimeout(message, timeoutMs * MS_PER_SECOND), 'exact');
  }

  #yield(message: Yield): Verdict {
    const flaw =
      this.#checkRole('YIELD', 'callee') ?? checkPassthru('YIELD', message[2].passthru, this.#session.features.callee);
    return flaw ?? this.#route(message);
  }

  /**
   * A caller's library would treat an ERROR with a malformed URI as the router's violation: it gets a valid URI
   * instead.
   */
  #error(message: InvocationError): Verdict {
    const flaw = this.#checkRole('ERROR', 'callee');
    if (flaw !== undefined) return flaw;
    const [code, type, request, options, error, payload] = message;
    const { maxUriBytes, maxUriComponents } = this.#rules;
    const malformed = checkUri(error, 'exact', { uriCheck: 'loose', maxUriBytes, maxUriComponents });
    if (malformed === undefined && !CONTROLS.test(error)) return this.#route(message);
    return this.#route([code, type, request, options, ErrorUri.INVALID_URI, payload]);
  }

  #name(name: string, action: Action, message: Subscribe | Register): Verdict {
    return this.#requests?.advance(name, message[1]) ?? this.#authorize(action, message, message[2].match);
  }

  #authorize(action: Action, message: Request, match: MatchPolicy): Verdict {
    const uri = message[3];
    if (match !== 'exact' || uri !== this.#lastUri) {
      const flaw = checkUri(uri, match, this.#rules);
      if (flaw !== undefined) {
        this.#refuse(message, ErrorUri.INVALID_URI, `"${excerpt(uri)}" is not a valid URI here: ${flaw}`);
        return undefined;
      }
      if (match === 'exact') this.#lastUri = uri;
    }
    const decision = this.#session.authorizer.authorize(action, uri, match, this.#session, message);
    if (decision instanceof Promise) return this.#await(decision, action, message, match);
    return this.#decided(decision, action, message, match);
  }

  async #await(pending: Promise<Decision>, action: Action, message: Request, match: MatchPolicy): Promise<void> {
    let decision: Decision;
    try {
      decision = await pending;
    } catch (error) {
      // An authorizer reports its own failures.
      if (!(error instanceof AuthorizationFailedError))
        this.#logger.error({ realm: this.#realm.uri, authrole: this.#session.authrole, error }, 'authorizer.failed');
      this.#refuse(
        message,
        ErrorUri.AUTHORIZATION_FAILED,
        `the router cannot decide now whether this session may ${action}: try again later`,
      );
      return;
    }
    if (this.#session.isOpen) return this.#decided(decision, action, message, match);
  }

  #decided(decision: Decision, action: Action, message: Request, match: MatchPolicy): Promise<void> | undefined {
    if (!decision.allowed) {
      this.#refuse(message, ErrorUri.NOT_AUTHORIZED, this.#denial(action, message[3], match));
      return undefined;
    }
    const { allowDisclose } = this.#rules;
    switch (message[0]) {
      case Code.PUBLISH:
      case Code.CALL: {
        const isAsked = message[2].discloseMe;
        if (isAsked && !allowDisclose && !decision.disclose) {
          this.#refuse(message, ErrorUri.DISCLOSE_ME_DISALLOWED, 'disclose_me is not allowed here: leave it out');
          return undefined;
        }
        const { trustLevel } = decision;
        const trusted = trustLevel === undefined ? message : withTrustLevel(message, trustLevel);
        return this.#realm.route(this.#session, trusted, isAsked || decision.disclose);
      }
      case Code.REGISTER:
        return this.#realm.route(this.#session, message, allowDisclose);
      case Code.SUBSCRIBE:
        if (!this.#realm.hasMetaEvents && isNeverPublished(message[3], match)) {
          this.#refuse(message, ErrorUri.FEATURE_NOT_SUPPORTED, NO_META_EVENTS);
          return undefined;
        }
        return this.#realm.route(this.#session, message, false);
      default:
        return unreachable(message);
    }
  }

  #route(message: RoutedMessage): Verdict {
    return this.#realm.route(this.#session, message, false);
  }

  /** An unacknowledged PUBLISH is refused silently (BRK-6, AZ-2). */
  #refuse(message: Request, error: Uri, why: string): void {
    if (message[0] === Code.PUBLISH) {
      this.#counters.routing.publish_refused++;
      if (!message[2].acknowledge) return;
    } else if (message[0] === Code.CALL && message[2].progress && this.#requests === undefined) {
      this.#rememberRefused(message[1]);
    }
    this.#session.send(errorReply(message[0], message[1], fault(error, why)));
  }

  #rememberRefused(request: RequestId): void {
    this.#refusedCalls ??= new Set();
    if (this.#refusedCalls.size >= MAX_REFUSED_CALLS) this.#refusedCalls.clear();
    this.#refusedCalls.add(request);
  }

  #denial(action: Action, uri: Uri, match: MatchPolicy): string {
    const denial = `role "${this.#session.authrole}" may not ${action} "${excerpt(uri)}"`;
    return match === 'exact' ? denial : `${denial} by ${match}: every URI it matches must be allowed`;
  }

  /** The violation of using a role that HELLO did not announce (rules 2.4, "Undeclared roles"). */
  #checkRole(message: string, role: Role): Fault | undefined {
    if (this.#requests === undefined || this.#session.features[role] !== undefined) return undefined;
    return violation(`${message} needs the role ${role}, which HELLO did not announce`);
  }
}

const MS_PER_SECOND = 1_000;

function withTrustLevel(message: Publish | Call, trustLevel: TrustLevel): Publish | Call {
  return message[0] === Code.PUBLISH
    ? [message[0], message[1], { ...message[2], trustLevel }, message[3], message[4]]
    : [message[0], message[1], { ...message[2], trustLevel }, message[3], message[4]];
}

/** A timeout too long to be exact has the same effect as any other that never passes. */
function withTimeout([code, request, options, procedure, payload]: Call, timeoutMs: number): Call {
  const bounded = Math.min(timeoutMs, Number.MAX_SAFE_INTEGER);
  return [code, request, { ...options, timeoutMs: bounded }, procedure, payload];
}

const MAX_REFUSED_CALLS = 64;
/** The control characters of C0 and C1, which no URI may contain. */
const CONTROLS = /\p{Control}/u;
const NO_META_EVENTS = 'the router publishes nothing under "wamp." here: the realm has no meta API (realms[].metaApi)';

/**
 * The violation of using passthru that was not announced (PV-9); the enc_* form has no announcement of its own (PPT-5).
 */
function checkPassthru(
  message: string,
  passthru: Passthru | undefined,
  announced: RoleFeatures | undefined,
): Fault | undefined {
  if (passthru?.form !== 'ppt' || announced?.has('payload_passthru_mode') === true) return undefined;
  return violation(
    `${message} with ppt_scheme needs payload_passthru_mode, which HELLO did not announce for this role`,
  );
}

/**
 * True when every topic that matches is reserved: applications publish to none of them (URI-2), and nor does the router where
 * the meta API is off.
 */
function isNeverPublished(topic: Uri, match: MatchPolicy): boolean {
  return match === 'prefix' ? topic.startsWith('wamp.') : isReserved(topic);
}

function excerpt(uri: Uri): string {
  return uri.length <= 100 ? uri : `${uri.slice(0, 100)}…`;
}
