import type { Fault } from '../wamp/faults.js';
import type { NodeId, PublicationId, RegistrationId, SessionId, SubscriptionId, Uri } from '../wamp/ids.js';
import type { RouterMessage } from '../wamp/messages.js';
import type { AudienceLists, InvocationPolicy, MatchPolicy, Passthru, TrustLevel } from '../wamp/options.js';
import type { Payload } from '../wamp/payload.js';
import type { Frame } from './frames.js';
import type { CallOutcome, RoutingDiscard } from './outcomes.js';
import type { Identity, Peer } from './peer.js';

/** One accepted PUBLISH, the same on every node that it reaches. */
export interface Publication {
  readonly id: PublicationId;
  readonly topic: Uri;
  readonly payload: Payload;
  readonly passthru?: Passthru;
  readonly publisher: Identity;
  /** Publisher exclusion: the publishing session does not get its own event (BRK-7). */
  readonly excludePublisher: boolean;
  /** Disclose the publisher to receivers. */
  readonly disclosePublisher: boolean;
  readonly audience?: AudienceLists;
  /** It becomes the retained event of its topic, or is it. Absent also when the realm does not retain the topic. */
  readonly retain?: RetainMark;
  /** It comes from the store: EVENT.Details.retained (RET-3). */
  readonly isRetained?: true;
  /** For receivers that announced publication_trustlevels. */
  readonly trustLevel?: TrustLevel;
  /** W3C traceparent of the PUBLISH, opaque. */
  readonly trace?: string;
}

/** Which of two retained events of one node is newer. */
export interface RetainMark {
  /** The publisher's node. */
  readonly node: NodeId;
  /** Rises with each event that the node retains. */
  readonly number: number;
}

/** A topic or pattern with those sessions of this node that subscribed to it. */
export interface Subscription<P extends Peer> {
  readonly id: SubscriptionId;
  readonly topic: Uri;
  readonly match: MatchPolicy;
  /** In no particular order. Only the broker changes it. */
  readonly receivers: readonly P[];
}

/** A request to the cluster that a session become a callee. */
export interface Claim {
  readonly registration: RegistrationId;
  readonly procedure: Uri;
  readonly match: MatchPolicy;
  readonly invoke: InvocationPolicy;
  readonly callee: Callee;
  readonly force: Force;
  /** The callee's authid; stored with the claim for later `same-authid` claims. */
  readonly authid?: string;
}

/**
 * Which callees a claim may replace (`force_reregister`). `true`: all that hold the procedure. `same-authid`: callees
 * that all have the claim's authid. `if-free`: none, and the claim does not share either. `false`: none; it may share.
 */
export type Force = boolean | 'same-authid' | 'if-free';

/** One callee of a registration, wherever it is. */
export interface Callee {
  readonly node: NodeId;
  readonly session: SessionId;
  /** Invocations it takes at once; absent: no bound. */
  readonly concurrency?: number;
  readonly discloseCaller: boolean;
  /** The callee asked for forwarded timeouts and announced call_timeout (TMO-3). */
  readonly forwardTimeout: boolean;
}

/** A registration as the whole cluster knows it. No callees: it has ended. */
export interface Registration {
  readonly id: RegistrationId;
  readonly procedure: Uri;
  readonly match: MatchPolicy;
  readonly invoke: InvocationPolicy;
  /** When it got its first callee, in ms since 1970: the same on every node while it lives. */
  readonly createdMs: number;
  /** In the order of their registration in the cluster (SHR-3). */
  readonly callees: readonly Callee[];
  /**
   * Callees that take the registration over by force and may not be REGISTERED yet, the last first. The dealer asks
   * each before those behind it, and the callees keep the registration until one successor is certain to have it.
   * Nearly always absent.
   */
  readonly successors?: readonly Callee[];
}

export type ClaimOutcome =
  | { readonly kind: 'granted'; readonly registration: Registration }
  /** Another session holds it alone (SHR-2), or this session already has it (DLR-4). */
  | { readonly kind: 'taken' }
  | { readonly kind: 'policy-conflict'; readonly invoke: InvocationPolicy }
  /** A session holds it that the claim's `force` does not replace. */
  | { readonly kind: 'protected' }
  /** The cluster could not decide. */
  | { readonly kind: 'failed'; readonly fault: Fault };

/**
 * Everything that routing can do to the outside. Broker and dealer call its methods; they return nothing but ids. The
 * outlet carries calls out in order. None throws.
 */
export interface Outlet<P extends Peer> {
  /**
   * Other nodes may have accepted registrations that this node does not know of: it has been cut off for longer than
   * its lease.
   */
  readonly isIsolated: boolean;
  /**
   * Sends to a session of this node, and skips a session that has left. Returns a Fault when nothing was sent, because
   * that session's serializer cannot represent the message or the message is too large for it; the peer that asked for
   * it must be notified.
   */
  send(to: P, message: RouterMessage): Fault | undefined;
  /** Sends one EVENT to each receiver of the subscription that the publication admits. */
  deliver(publication: Publication, subscription: Subscription<P>): void;
  /**
   * Sends to every other interested node. `settled` is called exactly once, possibly before this returns: without
   * argument once the backplane has accepted the publication for all of them, else with the reason (G4).
   */
  publish(publication: Publication, settled?: (refusal?: Fault) => void): void;
  /** Sends to one node, in order per node. To this node it is a direct call. */
  sendFrame(node: NodeId, frame: Frame): void;
  /** Calls `settled` exactly once, when every later matching publication of any live node will reach this node (G2). */
  watch(topic: Uri, match: MatchPolicy, settled: (refusal?: Fault) => void): void;
  /** `leaver`: the session that was the last to want it. */
  unwatch(topic: Uri, match: MatchPolicy, leaver: SessionId | undefined): void;
  /**
   * Makes the publication the retained event of its topic, in the order of these calls. `settled` is called exactly once,
   * later: with the reason when the store may not have it because it could not be reached.
   */
  retain(publication: Publication, settled: (refusal?: Fault) => void): void;
  /**
   * Stores the publication in the history of its topic, in the order of these calls. `settled` is called exactly once, later:
   * with the reason when the history may not have it.
   */
  record(publication: Publication, settled: (refusal?: Fault) => void): void;
  /**
   * Finds the newest retained event of the topic, or of all topics that the pattern matches, that the receiver may have
   * (RET-2, RET-5). `found` is called exactly once, later: with a Fault when that could not be found out.
   */
  findRetained(
    topic: Uri,
    match: MatchPolicy,
    receiver: P,
    found: (event: Publication | Fault | undefined) => void,
  ): void;
  /** Calls `decided` exactly once; when granted, every live node has the registration (G2). */
  claim(claim: Claim, decided: (outcome: ClaimOutcome) => void): void;
  release(registration: RegistrationId, callee: SessionId): void;
  /** Runs `action` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, action: () => void): () => void;
  count(what: RoutingDiscard): void;
  callEnded(outcome: CallOutcome, elapsedMs: number): void;
}

/** Time and randomness, passed in so that routing stays deterministic. */
export interface ClockAndRandom {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Uniform in [0, 1). */
  random(): number;
  publicationId(): PublicationId;
  /** The mark of the next event that this node retains. */
  retainMark(): RetainMark;
}
