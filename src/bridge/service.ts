import type { Backplane } from '../backplane/backplane.js';
import type { Codec } from '../codec/codec.js';
import type { AuthMethod, Principal } from '../session/auth/method.js';
import type { Authenticators } from '../session/auth/authenticator.js';
import type { Counters } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import type { WebhookSignature } from './webhook-signature.js';
import type { Uri } from '../wamp/ids.js';
import type { RealmDirectory } from '../session/ports.js';
import type { After } from '../session/session-timer.js';

export type ServiceType = 'publisher' | 'caller' | 'webhook' | 'events';

/** The authprovider of identities that the configuration of a service gives. */
export const HTTP_PROVIDER = 'http';

/** A secret that an application signs its requests with. */
export interface SigningKey {
  readonly key: string;
  readonly secret: string;
  /** Absent: those of the service. */
  readonly role?: string;
  readonly authid?: string;
}

/** One service of the bridge, as configured. */
export interface ServiceOptions {
  readonly type: ServiceType;
  readonly path: string;
  readonly realm: Uri;
  readonly role: string;
  readonly authid: string;
  readonly keys: readonly SigningKey[];
  readonly bearer: boolean;
  readonly requireTls: boolean;
  readonly timestampDeltaMs: number;
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
  readonly callTimeoutMs: number;
  readonly errorStatus: 'crossbar' | 'http';
  readonly maxPending: number;
}

/** A service that publishes to one topic what others send. */
export interface WebhookOptions extends ServiceOptions {
  readonly topic: Uri;
  /** Absent: everybody may send. */
  readonly signature?: WebhookSignature;
  /** Names in lower case. */
  readonly publishedHeaders: readonly string[];
  readonly successResponse: string;
  readonly errorResponse: string;
}

/** A service that streams the events of a topic. */
export interface EventsOptions extends ServiceOptions {
  readonly maxUnsentBytes: number;
}

/** The identity that a request is carried out with. */
export interface RequestIdentity {
  readonly principal: Principal;
  readonly authmethod: string;
}

/** Parts of the node that the bridge uses. */
export interface BridgeDependencies {
  readonly realms: RealmDirectory;
  readonly authMethodsOf: (realm: Uri) => readonly AuthMethod[];
  readonly authenticators: Authenticators;
  readonly store: Backplane['expiring'];
  readonly codec: Codec;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly wallMs: () => number;
  /** Timers of any length. */
  readonly after: After;
  /** This node does not know whether the others still count on it: it carries out nothing. */
  readonly isHeld: () => boolean;
}
