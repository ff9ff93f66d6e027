import type { Fault } from '../wamp/faults.js';
import type { NodeId, PublicationId, RegistrationId, SessionId, SubscriptionId, Uri } from '../wamp/ids.js';
import type { RouterMessage } from '../wamp/messages.js';
import type { AudienceLists, InvocationPolicy, MatchPolicy, Passthru } from '../wamp/options.js';
import type { Payload } from '../wamp/payload.js';
import type { Frame } from './frames.js';
import type { CallOutcome, RoutingDiscard } from './outcomes.js';
import type { Identity, Peer } from './peer.js';

/** One accepted PUBLISH, the same on every node it reaches. */
export interface Publication {
  readonly id: PublicationId;
  readonly topic: Uri;
  readonly payload: Payload;
  readonly passthru?: Passthru;
  readonly publisher: Identity;
  /** Publisher exclusion: the publishing session does not get its own event (BRK-7). */
  readonly excludePublisher: boolean;
  /** Tell receivers who published. */
  readonly disclosePublisher: boolean;
  readonly audience?: AudienceLists;
  /** W3C traceparent of the PUBLISH, opaque. */
  readonly trace?: string;
}

/** A topic or pattern with the sessions of this node that subscribed to it. */
export interface Subscription<P extends Peer> {
  readonly id: SubscriptionId;
  readonly topic: Uri;
  readonly match: MatchPolicy;
  /** In no particular order. Not to be changed by others. */
  readonly receivers: readonly P[];
}

/** A wish to become a callee, put to the cluster. */
export interface Claim {
  readonly registration: RegistrationId;
  readonly procedure: Uri;
  readonly match: MatchPolicy;
  readonly invoke: InvocationPolicy;
  readonly callee: Callee;
  readonly force: Force;
  /** Of the callee; kept with the claim, for those that `same-authid` lets take it over. */
  readonly authid?: string;
}

/**
 * What a claim may replace (`force_reregister`). `true`: whoever holds the procedure. `same-authid`: callees that all have
 * the claim's authid. `if-free`: nobody, and it does not share either. `false`: nobody; it may share.
 */
export type Force = boolean | 'same-authid' | 'if-free';

/** One callee of a registration, wherever it is. */
export interface Callee {
  readonly node: NodeId;
  readonly session: SessionId;
  /** Invocations it takes at once; absent: no bound. */
  readonly concurrency?: number;
  readonly discloseCaller: boolean;
  /** It asked for forwarded timeouts and announced call_timeout (TMO-3). */
  readonly forwardTimeout: boolean;
}

/** A registration as the whole cluster knows it. No callees: it has gone. */
export interface Registration {
  readonly id: RegistrationId;
  readonly procedure: Uri;
  readonly match: MatchPolicy;
  readonly invoke: InvocationPolicy;
  /** In order of registration, cluster-wide (SHR-3). */
  readonly callees: readonly Callee[];
  /**
   * Who takes it over by force and may not be REGISTERED yet, the last first. Each is asked before those behind it, and the
   * callees keep the registration until one is certain to have it. Absent, nearly always: nobody does.
   */
  readonly successors?: readonly Callee[];
}

export type ClaimOutcome =
  | { readonly kind: 'granted'; readonly registration: Registration }
  /** Somebody holds it alone (SHR-2), or this session already has it (DLR-4). */
  | { readonly kind: 'taken' }
  | { readonly kind: 'policy-conflict'; readonly invoke: InvocationPolicy }
  /** Somebody holds it whom the claim's `force` does not replace. */
  | { readonly kind: 'protected' }
  /** The cluster could not decide. */
  | { readonly kind: 'failed'; readonly fault: Fault };

/**
 * Everything routing can do to the world. Broker and dealer say verbs; nothing is returned but ids.
 * Verbs are carried out in the order said. None throws.
 */
export interface Outlet<P extends Peer> {
  /** Others may have registered without this node knowing: it is cut off for longer than its lease. */
  readonly isIsolated: boolean;
  /**
   * To a session of this node. A session that has gone is silently skipped. A Fault: nothing was sent, because the
   * message cannot be said in that session's serializer or is too large for it; whoever asked for it is to be told.
   */
  send(to: P, message: RouterMessage): Fault | undefined;
  /** One EVENT to each receiver of the subscription that the publication admits. */
  deliver(publication: Publication, subscription: Subscription<P>): void;
  /**
   * To every other interested node. `settled` is called exactly once, possibly before this returns:
   * with nothing once the backplane has accepted it for all of them, else with the reason (G4).
   */
  publish(publication: Publication, settled?: (refusal?: Fault) => void): void;
  /** To one node, this one included, in order per node. To this node it is a direct call. */
  tell(node: NodeId, frame: Frame): void;
  /** `settled` once every later matching publication of any live node will come here (G2). Exactly once. */
  watch(topic: Uri, match: MatchPolicy, settled: (refusal?: Fault) => void): void;
  unwatch(topic: Uri, match: MatchPolicy): void;
  /** `decided` exactly once; when granted, every live node has the registration (G2). */
  claim(claim: Claim, decided: (outcome: ClaimOutcome) => void): void;
  release(registration: RegistrationId, callee: SessionId): void;
  /** Runs `action` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, action: () => void): () => void;
  count(what: RoutingDiscard): void;
  callEnded(outcome: CallOutcome, elapsedMs: number): void;
}

/** Time and chance, handed in so that routing stays deterministic. */
export interface ClockAndRandom {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Uniform in [0, 1). */
  random(): number;
  publicationId(): PublicationId;
}
