import type { TransportDetails } from '../../backplane/session-row.js';
import type { ClientCertificate } from '../../transport/opening/client-certificate.js';
import type { ConnectionCookie } from '../../transport/connection.js';
import type { Fault } from '../../wamp/faults.js';
import type { SessionId, Uri } from '../../wamp/ids.js';
import type { HelloDetails } from '../../wamp/messages.js';
import type { Dict } from '../../wamp/options.js';
import type { Subject } from '../authorization/permission.js';
import type { Unavailable } from '../ports.js';
import type { AuthenticatorEntry, Authenticators } from './authenticator.js';
import type { Login } from './login.js';

/** The identity that authentication has established (AUT-2). */
export interface Principal extends Subject {
  readonly authprovider: string;
  /** Sent in WELCOME.Details.authextra, to authorizers, and to callers of the meta API. */
  readonly authextra?: Dict;
  /** Proves the router to this client; in WELCOME.Details.authextra only. */
  readonly proof?: Dict;
  /** Milliseconds after which the session must end; absent: it may stay. */
  readonly validForMs?: number;
  /** The realm to join instead of the one that HELLO names. */
  readonly realm?: Uri;
  /** The procedure that has decided; absent: the configuration has. */
  readonly authenticator?: AuthenticatorEntry;
  /** The login that the cookie of the connection stands for. Absent: it stands for none. */
  readonly login?: Login;
}

/** The facts about a client that authenticators receive, and the way to ask them. */
export interface AuthenticatorRequest {
  readonly realm: Uri;
  readonly details: Pick<HelloDetails, 'authid' | 'authrole' | 'authextra'>;
  readonly transport: TransportDetails;
  /** The client's TLS certificate, if a listener or a trusted proxy has verified one. */
  readonly certificate?: ClientCertificate | undefined;
  /** The connection is encrypted up to the router. */
  readonly isSecure?: boolean | undefined;
  /** Headers of the opening handshake that the configuration names. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The id that this session will have, for challenges that are bound to it (AUT-3). The same each time. */
  session(): SessionId;
  readonly authenticators: Authenticators;
  /** Aborts when the client has gone, or the handshake has taken too long. */
  readonly signal: AbortSignal;
}

/** One attempt to join. */
export interface AuthRequest extends AuthenticatorRequest {
  readonly details: HelloDetails;
  readonly remoteAddress: string;
  /** Distinguishes the TLS channel of the client from any other. Absent: the transport does not provide it. */
  readonly channelId?: Uint8Array | undefined;
  /** The cookies of the connection. Absent: it has none. */
  readonly cookie?: ConnectionCookie | undefined;
}

export type AuthStep =
  | { readonly kind: 'granted'; readonly principal: Principal }
  | { readonly kind: 'refused'; readonly fault: Fault }
  /** The client has nothing for this method: the next one of its offer decides. */
  | { readonly kind: 'passed' }
  /** No decision is possible now: the client has to connect again. */
  | { readonly kind: 'postponed'; readonly reason: Unavailable }
  /** `answer` is called at most once; it may ask for another round. */
  | {
      readonly kind: 'challenge';
      readonly extra: Dict;
      answer(signature: string, extra: Dict): AuthStep | Promise<AuthStep>;
    };

/** One way to find out who a client is. Holds nothing of an attempt but what its steps carry. */
export interface AuthMethod {
  /** The name that HELLO.Details.authmethods has. */
  readonly name: string;
  /** The authid of HELLO means nothing to this method, and failed attempts do not count for it. */
  readonly ignoresAuthid?: boolean;
  /** A rejection is a technical failure: the connection is closed, and the client may try again. */
  begin(request: AuthRequest): AuthStep | Promise<AuthStep>;
  /**
   * Decides on another credential of a session that is about to expire. Absent: credentials of this method do not expire.
   * `request`: with the authid of the session.
   */
  renew?(credential: string, request: AuthenticatorRequest): Promise<AuthStep>;
}
