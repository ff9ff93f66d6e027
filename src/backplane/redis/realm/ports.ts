import type { TopicChange } from '../../backplane.js';
import type { Claim, ClaimOutcome, Registration } from '../../../routing/ports.js';
import type { deriveId } from '../../../routing/derived-id.js';
import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../../../wamp/ids.js';
import type { MatchPolicy } from '../../../wamp/options.js';
import type { RealmKeys } from '../keys.js';
import type { Confirmations, Store } from '../ports.js';

export interface MembershipView {
  /** Alive as far as this node knows; itself included. */
  isMember(node: NodeId): boolean;
  /** It was declared dead or has left: it never comes back. */
  isGone(node: NodeId): boolean;
  /** The realm has rows of the node. One that the membership does not get to know is declared dead. Cheap. */
  foundRowsOf(node: NodeId): void;
}

export interface RealmLimits {
  /** How long a watch or claim waits for other nodes at most. */
  readonly barrierTimeoutMs: number;
  /** How long a claim waits until it is certain whether the holder of its procedure stays, at most. */
  readonly takeoverMs: number;
  /** Nodes that have not confirmed within this time are asked. */
  readonly reaskMs: number;
  /** Topics, or callees, per step of the store. */
  readonly maxInterestsPerStep: number;
  /** How long rows of other nodes are kept at least when the store may have lost them: a lease. They are kept until the node is back, or gone. */
  readonly keepMs: number;
  /** Pause before a failed repair is repeated. */
  readonly retryMs: number;
}

export interface RealmEvents {
  /** Never inside a call of this node but `changed`, `nodeGone` and, later, the reply of the store. */
  registration(realm: Uri, registration: Registration): void;
  topic(realm: Uri, change: TopicChange): void;
  /** A step failed in a way that only a fault of the program explains. */
  failed(operation: string, cause: unknown): void;
  /** Versions do not fit each other; it heals by itself. */
  doubted(realm: Uri, what: string): void;
}

export interface RealmReplicaOptions {
  readonly realm: Uri;
  /** Printable ASCII without space, `"` and `\`. */
  readonly node: NodeId;
  readonly store: Store;
  readonly keys: RealmKeys;
  /** Channel of the realm's changes. */
  readonly channel: string;
  readonly membership: MembershipView;
  readonly confirmations: Confirmations;
  readonly counters: ClusterCounters;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** Runs `flush` once, at the end of this turn of the event loop; asked at most once per turn. */
  readonly schedule: (flush: () => void) => void;
  /** Writes what the node has to write first: sessions that have left. */
  readonly writeBefore?: () => void;
  readonly limits: RealmLimits;
  readonly events: RealmEvents;
  readonly derive?: typeof deriveId;
}

export interface RealmStats {
  /** Topics and patterns that other nodes want, in the mirror. */
  readonly topicCount: number;
  readonly registrationCount: number;
  /** Watches and claims that wait for other nodes. */
  readonly barrierCount: number;
  readonly version: number;
  /** Changes that this node knows of and the mirror has not applied. */
  readonly versionLag: number;
  /** Writes that wait to be sent. */
  readonly queuedCount: number;
}

/** One realm that a node serves. */
export interface ServedRealm {
  readonly stats: RealmStats;
  /** The channel of the realm must have been subscribed to. Resolves when every registration was announced and the other nodes know this one. */
  enter(): Promise<void>;
  /** Ends it. Resolves once the store has no row of this node left: while cut off, after `resync`. */
  withdraw(): Promise<void>;
  /** Ends it without writing to the store. Watches and claims that wait fail. Idempotent. */
  stop(): void;
  /** A message of the realm's channel. */
  changed(message: Uint8Array): void;
  /** `from` confirms that it has every change up to the version. */
  confirmed(from: NodeId, version: number): void;
  /** `from` asks this node to confirm the version once it has it. */
  asked(from: NodeId, version: number): void;
  /** Announces the registrations that end with it: to be called before `BackplaneEvents.nodeGone`. */
  nodeGone(node: NodeId): void;
  /** The store cannot be reached: what needs it fails at once until `resync`. Idempotent. */
  cutOff(): void;
  /**
   * Makes store, mirror and memory agree again; the channel must be subscribed to again. Rejects with
   * BackplaneUnavailableError: call it again. Asked while one is under way, another follows.
   */
  resync(why: 'reconnected' | 'store_emptied'): Promise<void>;
  /** Nodes that serve the realm, as far as this node knows, itself included. */
  readonly servingNodes: readonly NodeId[];
  /** Other nodes that want the topic. Valid until the next call. */
  interestedNodes(topic: Uri): readonly NodeId[];
  watch(topic: Uri, match: MatchPolicy): void | Promise<void>;
  unwatch(topic: Uri, match: MatchPolicy, leaver?: SessionId): void;
  createdMs(topic: Uri, match: MatchPolicy): number | undefined;
  claim(claim: Claim): Promise<ClaimOutcome>;
  /** A claim that waits for its holder is given up. Rejects only when the realm is stopped before it was done. */
  release(registration: RegistrationId, callee: SessionId): Promise<void>;
}
