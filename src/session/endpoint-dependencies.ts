import type { Codec } from '../codec/codec.js';
import type { Counters } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import type { Uri } from '../wamp/ids.js';
import type { SerializerId } from '../wamp/payload.js';
import type { Authenticators } from './auth/authenticator.js';
import type { AuthMethod } from './auth/method.js';
import type { HandshakePacer } from './handshake-pacer.js';
import type { InboxPool } from './inbox.js';
import type { RealmDirectory, Session } from './ports.js';
import type { After } from './session-timer.js';
import type { TurnScheduler } from './turn-scheduler.js';

export interface SessionLimits {
  /** From the opening of a connection, or the end of its last session, to WELCOME. */
  readonly handshakeTimeoutMs: number;
  readonly goodbyeTimeoutMs: number;
  /** Refused HELLOs of one connection after which it is closed. */
  readonly maxFailedAuthenticationsPerConnection: number;
  /** Messages of one connection that may wait: for its turn, or while an earlier message is decided. */
  readonly maxInboxMessages: number;
  readonly maxInboxBytes: number;
}

/** Dependencies that all endpoints of a node share. */
export interface EndpointDependencies {
  readonly codecs: Readonly<Record<SerializerId, Codec>>;
  readonly realms: RealmDirectory;
  /** Methods by which sessions may join a realm. The client's offer decides which is used. */
  readonly authMethodsOf: (realm: Uri) => readonly AuthMethod[];
  readonly authenticators: Authenticators;
  readonly limits: SessionLimits;
  /** The client has left for good: the login of its cookie ends. */
  readonly logout?: (session: Session) => void;
  readonly turns: TurnScheduler;
  readonly pacer: HandshakePacer;
  readonly inboxes: InboxPool;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly after: After;
  /** WELCOME.Details.agent. */
  readonly agent: string;
}
