import type { ConnectionTraits } from '../transport/connection.js';
import type { TransportDetails } from '../backplane/session-row.js';
import type { Logger } from '../telemetry/logger.js';
import { fault, isFault, type Fault } from '../wamp/faults.js';
import type { SessionId, Uri } from '../wamp/ids.js';
import type { HelloDetails } from '../wamp/messages.js';
import type { Dict } from '../wamp/options.js';
import { ErrorUri } from '../wamp/uris.js';
import type { AuthenticatorEntry, Authenticators } from './auth/authenticator.js';
import { undecided } from './auth/dynamic.js';
import type { AuthMethod, AuthRequest, AuthStep, Principal } from './auth/method.js';
import type { HandshakePacer, HandshakePlace } from './handshake-pacer.js';
import {
  isUnavailable,
  unavailable,
  type Authorizer,
  type RealmDirectory,
  type Reservation,
  type SessionRealm,
  type Unavailable,
} from './ports.js';

/** The result of a successful handshake. */
export interface HandshakeResult {
  readonly realm: SessionRealm;
  readonly authorizer: Authorizer;
  readonly session: SessionId;
  readonly principal: Principal;
  readonly authmethod: string;
  readonly transport: TransportDetails;
  readonly details: HelloDetails;
}

export interface HandshakeOptions {
  readonly realms: RealmDirectory;
  /** Methods by which sessions may join a realm. */
  readonly authMethodsOf: (realm: Uri) => readonly AuthMethod[];
  readonly authenticators: Authenticators;
  readonly transport: TransportDetails;
  readonly connection: Pick<
    ConnectionTraits,
    'certificate' | 'channelId' | 'cookie' | 'isSecure' | 'headers' | 'authMethods'
  >;
  readonly pacer: HandshakePacer;
  readonly logger: Logger;
}

/**
 * The connection's side of a handshake. One of `refuse`, `postpone` and `admit` ends it; the handshake calls none of
 * them after `cancel`.
 */
export interface HandshakeListener {
  /** The turn of the handshake has come: the time that the client has for it begins anew. */
  limitHandshake(): void;
  challenge(method: string, extra: Dict): void;
  /** The client is refused, and would be refused again. */
  refuse(reason: Fault): void;
  postpone(reason: Unavailable): void;
  admit(result: HandshakeResult): void;
}

type ChallengeStep = Extract<AuthStep, { kind: 'challenge' }>;

/**
 * Leads from one HELLO to its WELCOME, its ABORT or the end of the connection, synchronously when nothing has to be
 * waited for.
 */
export class Handshake {
  readonly #options: HandshakeOptions;
  readonly #listener: HandshakeListener;
  readonly #uri: Uri;
  readonly #details: HelloDetails;
  #realm: SessionRealm | undefined;
  #method: AuthMethod | undefined;
  /** Methods that have passed. */
  readonly #passed = new Set<AuthMethod>();
  #challenge: ChallengeStep | undefined;
  /** The id that a challenge has named. */
  #drawn: SessionId | undefined;
  #reservation: Reservation | Promise<Reservation> | undefined;
  /** Made for the first call of an authenticator. */
  #controller: AbortController | undefined;
  /** The handshake waits for its turn. */
  #place: HandshakePlace | undefined;
  #isOver = false;

  readonly #aborting = (): AbortController => (this.#controller ??= new AbortController());

  constructor(options: HandshakeOptions, listener: HandshakeListener, uri: Uri, details: HelloDetails) {
    this.#options = options;
    this.#listener = listener;
    this.#uri = uri;
    this.#details = details;
  }

  /** Begins at once, or when its turn has come. */
  start(): void {
    const { pacer, transport } = this.#options;
    const place = pacer.enter(transport.peer, () => {
      this.#place = undefined;
      this.#listener.limitHandshake();
      this.#open();
    });
    if (place === undefined) this.#open();
    else if (isUnavailable(place)) this.#postpone(place);
    else this.#place = place;
  }

  answer(signature: string, extra: Dict): void {
    const challenge = this.#challenge;
    if (challenge === undefined) throw new Error('AUTHENTICATE without CHALLENGE reached the handshake');
    this.#challenge = undefined;
    this.#attempt(
      () => challenge.answer(signature, extra),
      (step) => this.#take(step),
    );
  }

  /**
   * The client has left, was refused or has waited too long: gives a reserved session id back, also when it arrives
   * later, and cancels what authenticators are asked.
   */
  cancel(why: 'gone' | 'timeout' = 'gone'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#place?.leave(why);
    this.#controller?.abort(why);
    const realm = this.#realm;
    const reservation = this.#reservation;
    if (realm === undefined || reservation === undefined) return;
    if (reservation instanceof Promise) {
      reservation.then(
        (id) => {
          if (isId(id)) realm.forget(id);
        },
        (error: unknown) => this.#log(error),
      );
    } else if (isId(reservation)) {
      realm.forget(reservation);
    }
  }

  #open(): void {
    this.#then(this.#options.realms.open(this.#uri), (realm) => {
      if (isFault(realm)) this.#refuse(realm);
      else if (isUnavailable(realm)) this.#postpone(realm);
      else this.#authenticate(realm);
    });
  }

  #authenticate(realm: SessionRealm): void {
    this.#realm = realm;
    const method = this.#chooseMethod(realm.uri);
    if (isFault(method)) {
      this.#refuse(method);
      return;
    }
    this.#method = method;
    const request = this.#requestFor(realm);
    this.#attempt(
      () => method.begin(request),
      (step) => this.#take(step),
    );
  }

  #requestFor(realm: SessionRealm): AuthRequest {
    const { transport, connection, authenticators } = this.#options;
    const { certificate, channelId, cookie, isSecure, headers } = connection;
    const aborting = this.#aborting;
    return {
      realm: realm.uri,
      details: this.#details,
      remoteAddress: transport.peer,
      transport,
      certificate,
      channelId,
      cookie,
      isSecure,
      headers,
      authenticators,
      session: () => (this.#drawn ??= realm.drawId()),
      get signal() {
        return aborting().signal;
      },
    };
  }

  /** The first method of the client's offer that realm and listener have; no offer means anonymous (AUT-1). */
  #chooseMethod(realm: Uri): AuthMethod | Fault {
    const offered = this.#details.authmethods;
    const { authMethodsOf, connection } = this.#options;
    const authMethods = authMethodsOf(realm).filter(({ name }) => connection.authMethods?.has(name) !== false);
    for (const name of offered.length === 0 ? ['anonymous'] : offered) {
      const method = authMethods.find((candidate) => candidate.name === name);
      if (method !== undefined && !this.#passed.has(method)) return method;
    }
    if (this.#passed.size > 0)
      return fault(ErrorUri.AUTHENTICATION_DENIED, 'the realm does not accept these credentials');
    if (authMethods.length === 0)
      return fault(ErrorUri.NO_MATCHING_AUTH_METHOD, 'this listener admits no authmethod that the realm has');
    const names = authMethods.map((method) => method.name).join(', ');
    if (offered.length === 0) return fault(ErrorUri.AUTHENTICATION_REQUIRED, `authenticate by one of: ${names}`);
    return fault(ErrorUri.NO_MATCHING_AUTH_METHOD, `the realm takes none of the offered authmethods, only: ${names}`);
  }

  #take(step: AuthStep): void {
    switch (step.kind) {
      case 'granted':
        this.#grant(step.principal);
        break;
      case 'refused':
        this.#refuse(step.fault);
        break;
      case 'postponed':
        this.#postpone(step.reason);
        break;
      case 'passed':
        this.#pass();
        break;
      case 'challenge':
        this.#challenge = step;
        this.#listener.challenge(this.#method?.name ?? '', step.extra);
        break;
    }
  }

  /** Opens the realm that an authenticator has chosen, if it is another one. */
  #grant(principal: Principal): void {
    const { realm: chosen, authenticator } = principal;
    if (chosen === undefined || authenticator === undefined) {
      this.#reserve(principal);
      return;
    }
    this.#then(this.#options.realms.open(chosen), (realm) => {
      if (isUnavailable(realm)) this.#postpone(realm);
      else if (isFault(realm)) this.#misled(authenticator, `this router does not serve the realm "${chosen}"`);
      else {
        this.#realm = realm;
        this.#reserve(principal);
      }
    });
  }

  /** The result of an authenticator cannot be carried out. */
  #misled(authenticator: AuthenticatorEntry, flaw: string): void {
    const { procedure, realm = this.#uri } = authenticator;
    this.#options.authenticators.unusable({ procedure, realm }, flaw);
    this.#take(undecided(authenticator));
  }

  /** Each method passes once, so this ends. */
  #pass(): void {
    if (this.#method !== undefined) this.#passed.add(this.#method);
    if (this.#realm !== undefined) this.#authenticate(this.#realm);
  }

  #reserve(principal: Principal): void {
    const realm = this.#realm;
    const method = this.#method;
    if (realm === undefined || method === undefined) throw new Error('granted before a realm was opened');
    if (realm.authorizer(principal) === undefined) {
      const message = `realm "${realm.uri}" has no role "${principal.authrole}"`;
      if (principal.authenticator !== undefined) this.#misled(principal.authenticator, message);
      else this.#refuse(fault(ErrorUri.NO_SUCH_ROLE, message));
      return;
    }
    const { authid, authrole, authprovider, authextra } = principal;
    const { transport } = this.#options;
    const newcomer = { authid, authrole, authmethod: method.name, authprovider, authextra, transport };
    this.#reservation = realm.reserve(newcomer, this.#drawn);
    this.#then(this.#reservation, (session) => {
      if (isUnavailable(session)) {
        this.#postpone(session);
        return;
      }
      if (isFault(session)) {
        this.#refuse(session);
        return;
      }
      // A reload may have come since the method began, and have withdrawn what it relied on. The method is one of the realm
      // that HELLO names, which an authenticator may have replaced.
      const authorizer = realm.authorizer(principal);
      if (authorizer === undefined || !this.#options.authMethodsOf(this.#uri).includes(method)) {
        this.#postpone(unavailable('undecided', 'the configuration of the realm has changed: connect again'));
        return;
      }
      this.#isOver = true;
      const authmethod = method.name;
      const details = this.#details;
      this.#listener.admit({ realm, authorizer, session, principal, authmethod, transport, details });
    });
  }

  #refuse(reason: Fault): void {
    this.cancel();
    this.#listener.refuse(reason);
  }

  #postpone(reason: Unavailable): void {
    this.cancel();
    this.#listener.postpone(reason);
  }

  /** An exception of a method is the same technical failure as its rejection. */
  #attempt(make: () => AuthStep | Promise<AuthStep>, next: (step: AuthStep) => void): void {
    let step: AuthStep | Promise<AuthStep>;
    try {
      step = make();
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#then(step, next);
  }

  #then<Value>(value: Value | Promise<Value>, next: (value: Value) => void): void {
    if (!(value instanceof Promise)) {
      next(value);
      return;
    }
    // Errors of `next` are bugs and must not be taken for those of `value`.
    value.then(
      (settled) => {
        if (!this.#isOver) next(settled);
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #fail(error: unknown): void {
    this.#log(error);
    if (this.#isOver) return;
    this.#postpone(unavailable('undecided', 'the router could not decide on this session'));
  }

  #log(error: unknown): void {
    this.#options.logger.error({ realm: this.#uri, error }, 'session.refused');
  }
}

function isId(reservation: Reservation): reservation is SessionId {
  return !isUnavailable(reservation) && !isFault(reservation);
}
