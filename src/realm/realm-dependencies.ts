import type { Backplane } from '../backplane/backplane.js';
import type { Codec } from '../codec/codec.js';
import type { DealerRules } from '../routing/dealer/dealer.js';
import type { HeldTotal } from '../routing/held-total.js';
import type { MetaAccess } from '../routing/meta/procedures.js';
import type { RealmRules, Session } from '../session/ports.js';
import type { Counters } from '../telemetry/counters.js';
import type { Uri } from '../wamp/ids.js';
import type { SerializerId } from '../wamp/payload.js';
import type { AuthorizationSettings, AuthorizingDependencies } from './authorization.js';
import type { Delivery } from './delivery.js';
import type { KeepingSettings, KeptWrites } from './kept/event-keeper.js';
import type { MetaLimits } from './meta/meta-handlers.js';
import type { RandomSource } from './random-source.js';
import type { RouterProcedures } from './router-procedures.js';
import type { AuthidRule } from './sessions/session-places.js';
import type { TestamentLimits } from './testaments/testaments.js';

export interface RealmSettings {
  readonly rules: RealmRules;
  /** Absent: an authid may have any number of sessions. */
  readonly authidRule?: AuthidRule;
  readonly dealing: DealerRules;
  readonly authorization: AuthorizationSettings;
  /** Absent: the realm keeps no events. */
  readonly keeping?: KeepingSettings;
  readonly metaApi: MetaAccess;
}

export interface RealmSessionLimits extends TestamentLimits, MetaLimits {
  /** Sessions of this node in all realms. */
  readonly maxSessions: number;
  readonly maxSubscriptionsPerSession: number;
  readonly maxRegistrationsPerSession: number;
  readonly maxPendingCallsPerSession: number;
  readonly maxHeldMessages: number;
  readonly maxHeldBytes: number;
  readonly maxCallTimeoutMs?: number | undefined;
  readonly interruptTimeoutMs: number;
  readonly abandonedInvocationTimeoutMs?: number | undefined;
}

/** Work that is too long for one turn of the event loop. */
export interface LongWork {
  /** Does one part after the other, in this turn and further ones, until a part returns false. */
  inTurns(part: () => boolean): Promise<void>;
  /** Absent: sizes at which a part takes about a millisecond. */
  readonly partSizes?: PartSizes;
}

/** How much one part does. */
export interface PartSizes {
  /** Subscriptions and receivers of a publication; a subscription with more receivers is a part of its own. */
  readonly receivers: number;
  /** Subscriptions, registrations, calls or invocations of a session that ends. */
  readonly holdings: number;
}

/** Dependencies that all realms of a node share. */
export interface RealmDependencies {
  readonly backplane: Backplane;
  readonly codecs: Readonly<Record<SerializerId, Codec>>;
  readonly delivery: Delivery;
  readonly counters: Counters;
  readonly random: RandomSource;
  /** A reload changes them in place. */
  readonly limits: RealmSessionLimits;
  readonly heldTotal: HeldTotal;
  /** Monotonic milliseconds; may stand still while a turn of the event loop lasts. */
  readonly nowMs: () => number;
  readonly after: (delayMs: number, action: () => void) => () => void;
  readonly longWork: LongWork;
  readonly onLostRequest: (operation: string, cause: unknown) => void;
  /** A session has been admitted. */
  readonly joined?: (session: Session) => void;
  /** Absent: the router has no procedures of its own. */
  readonly procedures?: RouterProcedures;
  readonly onProcedureFailure?: (realm: Uri, procedure: Uri, cause: unknown) => void;
  /** Absent: nothing bounds the questions to authorizers, and nothing reports their troubles. */
  readonly authorizing?: AuthorizingDependencies;
  /** In all realms of this node. Reserved ids count as sessions. */
  readonly totals: { sessionCount: number; testamentBytes: number };
  /** Events on their way to the store, of all realms. */
  readonly keptWrites: KeptWrites;
}
