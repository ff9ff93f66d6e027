import type { SharedBody } from '../codec/shared-body.js';
import type { SessionDetails, TransportDetails } from '../backplane/session-row.js';
import type { Peer } from '../routing/peer.js';
import type { CloseCause } from '../transport/connection.js';
import type { Fault } from '../wamp/faults.js';
import type { SessionId, SubscriptionId, Uri } from '../wamp/ids.js';
import type { Call, Publish, RoutedMessage, RouterMessage, Subscribe } from '../wamp/messages.js';
import type { Dict, MatchPolicy, TimeUnit } from '../wamp/options.js';
import type { SerializerId } from '../wamp/payload.js';
import type { Login } from './auth/login.js';
import type { Action, Decision, Subject } from './authorization/permission.js';
import type { Asker, Request } from './authorization/question.js';

/** An established session of this node, as the realm sees it. */
export interface Session extends Peer {
  readonly realm: Uri;
  readonly authmethod: string;
  readonly authprovider: string;
  /** The login that the cookie of the connection stands for. Absent: it stands for none. */
  readonly login?: Login | undefined;
  /** The authextra that the authenticator or the token gave. */
  readonly authextra?: Dict | undefined;
  readonly serializer: SerializerId;
  /** Absent: the session is the router's own. */
  readonly transport?: TransportDetails;
  /** False from the moment GOODBYE or ABORT was sent or received, or the transport was lost (SES-12). */
  readonly isOpen: boolean;
  /**
   * Encodes and queues the message. Does nothing when the session is not open. Returns a Fault when nothing was sent
   * because the payload cannot be represented in this session's serializer, or is too long for the client; the peer that waits for the outcome must be
   * notified. An ERROR is then sent without its payload, and no Fault is returned.
   */
  send(message: RouterMessage): Fault | undefined;
  /** The longest message that `write` takes. */
  readonly maxMessageBytes: number;
  /** False: `write` does nothing, so that nothing need be encoded for this session alone. */
  readonly isReachable: boolean;
  /**
   * Queues a message that is already encoded in this session's serializer and counted by the caller. Does nothing when
   * the session is not open. `body`: what follows `message`, which then is its head.
   */
  write(message: Uint8Array, body?: SharedBody): void;
  /** Sends GOODBYE and waits, bounded, for the reply (SES-10, SES-15). The realm's `remove` is called before it returns. */
  close(reason: Uri, message?: string): void;
  /**
   * Closes the transport with 1012 behind what was sent before, without GOODBYE: client libraries then connect again
   * (ADR 14). The realm's `remove` is called before it returns. Idempotent.
   */
  dismiss(): void;
  /** Sends ABORT and drops the transport (rules 2.4). The realm's `remove` is called before it returns. Idempotent. */
  abort(fault: Fault): void;
  /** Closes the session after this time, as its credentials then expire. Replaces the time before. */
  endAfter(delayMs: number): void;
  /** Undefined: the router's own session is not subject to authorization. */
  readonly authorizer: Authorizer | undefined;
  /** Whether the session may publish this message now. Rejects with AuthorizationFailedError. */
  mayPublish(message: Publish): Decision | Promise<Decision>;
  /** Whether the session may subscribe now. Rejects with AuthorizationFailedError. */
  maySubscribe(message: Subscribe): Decision | Promise<Decision>;
  /** This authorizer decides on the messages that the session sends from now on. */
  reauthorize(authorizer: Authorizer): void;
}

/** The session is one HTTP request of the bridge, and ends with its answer (ADR 41). */
export function isOneRequest({ transport }: Pick<Session, 'transport'>): boolean {
  return transport?.type === HTTP_TRANSPORT;
}

/** The type of transport of the sessions of HTTP requests. */
export const HTTP_TRANSPORT = 'http';

/**
 * Decides whether a session may do something. A pattern is authorised as a pattern (AZ-4). An asynchronous decision
 * makes the session's inbox wait.
 */
export interface Authorizer {
  authorize(action: Action, uri: Uri, match: MatchPolicy, asker: Asker, request: Request): Decision | Promise<Decision>;
}

/**
 * Why no session can be opened now. Waiting changes that, so the router closes the connection and the client connects
 * again; most client libraries would end for good after an ABORT.
 */
export interface Unavailable {
  readonly kind: 'unavailable';
  readonly cause: Extract<CloseCause, 'full' | 'unreachable' | 'draining' | 'undecided'>;
  readonly message: string;
}

export function unavailable(cause: Unavailable['cause'], message: string): Unavailable {
  return { kind: 'unavailable', cause, message };
}

export function isUnavailable(value: unknown): value is Unavailable {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'unavailable';
}

/** A session that has no id yet. */
export type Newcomer = Omit<SessionDetails, 'session'>;

/** The id of a session that may be admitted; a Fault becomes the ABORT. */
export type Reservation = SessionId | Fault | Unavailable;

/** The realm as the session layer needs it. */
export interface SessionRealm {
  readonly uri: Uri;
  readonly rules: RealmRules;
  /** The router publishes events about the realm under `wamp.`. A reload may change that. */
  readonly hasMetaEvents: boolean;
  /** Undefined: the realm has no such role (AUT-4). */
  authorizer(subject: Subject): Authorizer | undefined;
  /** Draws an id for a session that has not authenticated yet: the cluster does not know it before `reserve`. */
  drawId(): SessionId;
  /**
   * Enters an authenticated session in the directory, under an id that no other live session of the cluster has (SES-2).
   * `drawn`: the id that its challenge named; absent: any id.
   */
  reserve(newcomer: Newcomer, drawn?: SessionId): Reservation | Promise<Reservation>;
  /** Gives back a reserved id of a session that was never admitted. */
  forget(session: SessionId): void;
  /** Makes the session routable. Called right after its WELCOME was queued (SES-7). */
  admit(session: Session): void;
  /**
   * Routes one message. `disclose`: the router may disclose this caller's or publisher's identity; for REGISTER, its
   * callers' identities. A promise: it takes several turns, and the session's next message has to wait for it.
   */
  route(session: Session, message: RoutedMessage, disclose: boolean): Promise<void> | undefined;
  /** Routes a CALL whose request id is not new: the next chunk of a progressive call, or too late for one (PCI-6). */
  continueCall(session: Session, message: Call): void;
  /**
   * Ends everything that a session holds which receives nothing any more (SES-13). Once per admitted session. Undefined: it has
   * ended. Otherwise it holds so much that no turn is to end all of it (G11): each call of the function ends a part; false: the session
   * has ended.
   */
  remove(session: Session): (() => boolean) | undefined;
  /** The subscription whose history has the events of a topic. Undefined: none has. */
  historyWith(topic: Uri): SubscriptionId | undefined;
  /** Ends everything that a session which was never admitted has in flight here. */
  release(session: Session): void;
}

export interface RealmRules {
  readonly uriCheck: 'loose' | 'strict';
  readonly requestIdCheck: 'strict' | 'off';
  /** Grant disclose_me and disclose_caller; otherwise the router refuses them (CID-2). */
  readonly allowDisclose: boolean;
  /** The unit of `CALL.Options.timeout`. */
  readonly callTimeoutUnit: TimeUnit;
  readonly maxUriBytes: number;
  readonly maxUriComponents: number;
}

/** Finds the realm that HELLO names. */
export interface RealmDirectory {
  /** Returns an existing realm, or creates one from the template; a Fault becomes the ABORT (SES-5, SES-9). */
  open(uri: Uri): SessionRealm | Fault | Unavailable | Promise<SessionRealm | Fault | Unavailable>;
}
