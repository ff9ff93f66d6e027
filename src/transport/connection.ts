import type { SharedBody } from '../codec/shared-body.js';
import type { ConnectionEnd } from '../telemetry/counters.js';
import type { SerializerId } from '../wamp/payload.js';

/** What a client asked for in the opening handshake. */
export interface ConnectionTraits {
  readonly serializer: SerializerId;
  /** Several messages per WebSocket message (rules 3.4). */
  readonly isBatched: boolean;
  /** For logs and limits; never empty. */
  readonly remoteAddress: string;
}

/** Why a connection is closed by this side, each a metric label. */
export type CloseCause = Exclude<ConnectionEnd, 'peer' | 'idle_timeout'>;

export type MalformedCause = Extract<CloseCause, 'protocol_violation' | 'limit'>;

/**
 * One client connection, whatever carries it. All that is written in one turn of the event loop leaves in one write,
 * in order. A reader that does not keep up is closed and counted, and nobody waits for it (G7).
 */
export interface Connection extends ConnectionTraits {
  /** False: it is being closed, and what is written is ignored. */
  readonly isOpen: boolean;
  /** Queues one encoded message for the end of the turn. Keeps the bytes, which must not change. Ignored once closed. */
  write(message: Uint8Array, body?: SharedBody): void;
  /** Bytes accepted but not yet taken by the operating system. */
  unsentBytes(): number;
  /** Sends what is queued, then closes. Idempotent; `closed` of the listener follows. */
  close(cause: CloseCause): void;
  /** After `close`: now rather than at the end of the turn. Only from within `received`. */
  closeNow(): void;
}

/** The layer above a connection. Called one at a time; must not throw. */
export interface ConnectionListener {
  /** Asked before each message: may it be handled now? Otherwise it goes to `keep`. */
  takesNow(): boolean;
  /**
   * One whole message, without batch framing, handled before this returns. The bytes are the listener's to keep and to
   * write over, and so are `headroomBytes` before them in the same buffer.
   */
  received(message: Uint8Array, headroomBytes?: number): void;
  /** One whole message that has to wait behind those before it, or for its turn. The bytes are valid only during the call. */
  keep(message: Uint8Array): void;
  /**
   * The peer broke the framing rules of its sub-protocol (PV-7, PV-12), or a limit (`limit`). The connection is still
   * open for an ABORT; nothing more is received, and it is closed when this returns.
   */
  malformed(message: string, cause: MalformedCause): void;
  /** The connection is gone, whoever ended it. Once, and nothing after it. */
  closed(): void;
}

/** Makes the layer above for a new connection. */
export type Accept = (connection: Connection) => ConnectionListener;
