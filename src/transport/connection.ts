import type { ClientCertificate } from './opening/client-certificate.js';
import type { SharedBody } from '../codec/shared-body.js';
import type { ConnectionEnd } from '../telemetry/counters.js';
import type { SerializerId } from '../wamp/payload.js';

export type TransportType = 'websocket' | 'rawsocket' | 'longpoll';

/** The cookies of an opening handshake. Both values are secret. */
export interface ConnectionCookie {
  /** The value that the client has presented. Absent: none. */
  readonly presented?: string;
  /** A value that this handshake has set, and that nobody knew before. Absent: none. */
  readonly fresh?: string;
}

/** The requests of a client's opening handshake. */
export interface ConnectionTraits {
  readonly transport: TransportType;
  readonly serializer: SerializerId;
  /** Several messages per WebSocket message (rules 3.4). */
  readonly isBatched: boolean;
  /** The longest message that the client takes. Absent: no limit. A longer one ends the connection. */
  readonly maxSentBytes?: number | undefined;
  /** For logs and limits; never empty. */
  readonly remoteAddress: string;
  /** Undefined: the client has none, or the proxy that sent it is not trusted. */
  readonly certificate?: ClientCertificate | undefined;
  /** SHA-256 of the client's Finished message of TLS, for channel binding. Absent: the transport does not provide it. */
  readonly channelId?: Uint8Array | undefined;
  /** The listener itself has TLS. */
  readonly isSecure?: boolean | undefined;
  /** Headers of the opening handshake that the configuration names, by their names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Methods by which the client may join. Absent: all that the realm has. */
  readonly authMethods?: ReadonlySet<string> | undefined;
  /** Absent: the listener sets no cookies. */
  readonly cookie?: ConnectionCookie | undefined;
}

/** Why this side closes a connection; each is a metric label. */
export type CloseCause = Exclude<ConnectionEnd, 'peer' | 'idle_timeout'>;

export type MalformedCause = Extract<CloseCause, 'protocol_violation' | 'limit'>;

/**
 * One client connection, whatever carries it. Everything written in one turn of the event loop leaves in one write, in
 * order. A reader that does not keep up is closed and counted, and no other waits for it (G7).
 */
export interface Connection extends ConnectionTraits {
  /** False: the connection is being closed, and `write` does nothing. */
  readonly isOpen: boolean;
  /** Queues one encoded message for the end of the turn. Keeps the bytes, which must not change. Ignored once closed. */
  write(message: Uint8Array, body?: SharedBody): void;
  /** Bytes that the operating system has not taken. */
  unsentBytes(): number;
  /** Sends what is queued, then closes. Idempotent; `closed` of the listener follows. */
  close(cause: CloseCause): void;
  /** After `close`: closes now rather than at the end of the turn. Only from within `received`. */
  closeNow(): void;
  /** The listener has handled all messages that it kept: a transport that has paused its client reads on. */
  caughtUp(): void;
}

/** The layer above a connection. Called one at a time; must not throw. */
export interface ConnectionListener {
  /** Whether the next message may be handled now. Called before each message; if false, the message goes to `keep`. */
  takesNow(): boolean;
  /**
   * Handles one complete message, without batch framing, before it returns. The listener may keep and overwrite the
   * bytes, and `headroomBytes` before them in the same buffer.
   */
  received(message: Uint8Array, headroomBytes?: number): void;
  /**
   * Keeps one complete message that has to wait behind earlier ones, or for its turn. The bytes are valid only during
   * the call.
   */
  keep(message: Uint8Array): void;
  /**
   * The peer broke the framing rules of its sub-protocol (PV-7, PV-12), or a limit (`limit`). The connection is still
   * open for an ABORT; nothing more is received, and it is closed when this returns.
   */
  malformed(message: string, cause: MalformedCause): void;
  /** The connection has ended. Called once, and last. */
  closed(): void;
}

/** Creates the layer above a new connection. */
export type Accept = (connection: Connection) => ConnectionListener;
