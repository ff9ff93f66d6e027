import type { Frame } from '../routing/frames.js';
import type { Claim, ClaimOutcome, Publication, Registration } from '../routing/ports.js';
import type { Rest } from '../routing/rest.js';
import type { ClusterGauges } from '../telemetry/cluster-gauges.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../wamp/ids.js';
import type { MatchPolicy } from '../wamp/options.js';
import type { EventHistory } from './event-history.js';
import type { ExpiringStore } from './expiring-store.js';
import type { RetainedEvents } from './retained-events.js';
import type { LostSession, SessionDetails, Sessions } from './session-row.js';

/**
 * Carries publications and frames between nodes: at most once; in order per (sender, receiver) across publications and
 * frames (ORD-1, ORD-3). Gaps are reported, never hidden. A node never receives what it sent itself.
 * Methods that return `void | Promise` settle synchronously where no other node is concerned.
 */
export interface Bus {
  /**
   * Resolves once any later matching publication of any live node will reach this one (G2). Idempotent: asked again
   * meanwhile, it waits as long. Rejects with BackplaneUnavailableError: there is no such interest.
   */
  watch(realm: Uri, topic: Uri, match: MatchPolicy): void | Promise<void>;
  /**
   * Publications under way may still arrive. `leaver`: the session that was the last to want it, for `topic`. A node that receives the
   * change has received, or lost, every publication of this node that the backplane had accepted before.
   */
  unwatch(realm: Uri, topic: Uri, match: MatchPolicy, leaver?: SessionId): void;
  /** Since when the cluster wants the topic, in ms since 1970, the same on every node. Undefined: this node knows of none that does. */
  createdMs(realm: Uri, topic: Uri, match: MatchPolicy): number | undefined;
  /** Whether another node wants the topic, as far as this node knows. One look-up while nobody wants a pattern. */
  isWanted(realm: Uri, topic: Uri): boolean;
  /**
   * To every other interested node, once each. Resolves when the backplane has accepted it for all of them;
   * rejects with BackplaneUnavailableError otherwise (G4), or with MessageTooLargeError. A node without interest receives nothing (G9).
   */
  publish(realm: Uri, publication: Publication): void | Promise<void>;
  /**
   * To one other node. A frame to a node that has gone is skipped: `nodeGone` was called or will be. False: the frame was not
   * taken, because the node cannot be reached now (G6); that node receives a gap. A frame that was taken may still come
   * back by `returned`.
   */
  send(to: NodeId, realm: Uri, frame: Frame): boolean;
  /** Whether one frame may hold that many bytes of payload; if not, it must not be sent. Counted. */
  carries(payloadBytes: number): boolean;
}

/** The little that must be agreed on. Each call is one atomic step; none is on the path of a message (G8). */
export interface Directory {
  /**
   * Gives a procedure to a callee if the invocation policy allows another one (SHR-1, SHR-2, DLR-4).
   * When granted, resolves once every live node serving the realm has received the row (`registration`), this one included (G2):
   * frames for the callee may come earlier. The registration may have another id than the one claimed (ID-3). A claim by
   * force leaves the registration to its holders until then, with the callee as their successor; one that fails changes nothing.
   */
  claim(realm: Uri, claim: Claim): Promise<ClaimOutcome>;
  /** Takes a callee of this node off a registration. Repeating it changes nothing. */
  release(realm: Uri, registration: RegistrationId, callee: SessionId): Promise<void>;
  /** Enters a session of this node. False: the id is taken somewhere in the cluster, draw another (SES-2). */
  join(realm: Uri, session: SessionDetails): boolean | Promise<boolean>;
  leave(realm: Uri, session: SessionId): void;
  /**
   * Stores values beside the row of a session of this node, in place of the earlier ones; an empty list removes them. They stay until
   * the session leaves, also when the store loses its data, or are handed over with it when this node dies. Resolves once the
   * store has them. Rejects with BackplaneUnavailableError: the store may have them or the earlier ones, until the next call.
   */
  setTestaments(realm: Uri, session: SessionId, testaments: readonly Uint8Array[]): Promise<void>;
  /** Reads the sessions of the cluster. Each read rejects with BackplaneUnavailableError. */
  readonly sessions: Sessions;
}

export interface TopicChange {
  readonly topic: Uri;
  readonly match: MatchPolicy;
  /** Since when the cluster wants or wanted it, in ms since 1970. */
  readonly createdMs: number;
  readonly isWanted: boolean;
  /** The session that was the last to want it. Absent: its node has died, or this node has missed the change. */
  readonly leaver?: number;
}

/** Receives what other nodes send. Called one at a time, never inside a call of this node; returns quickly, must not throw. */
export interface BackplaneEvents {
  /**
   * A function that is returned delivers a part more with each call (G11). It is called until it returns false, in this turn and
   * further ones, and no later event of `from` comes before that (ORD-1, ORD-3). An end of this node may leave parts out.
   */
  publication(from: NodeId, realm: Uri, publication: Publication): Rest | undefined;
  /** Also for a realm that this node serves no more: a caller that waits for an answer must receive one (G3). */
  frame(from: NodeId, realm: Uri, frame: Frame): void;
  /** The whole new state of one registration; no callees: it has gone. In order per registration. */
  registration(realm: Uri, registration: Registration): void;
  /**
   * The cluster begins to want a topic, or ends to. In one order on every node; for a topic that this node wants, before `watch`
   * resolves. Unlike the other events it may be called inside `watch` and `unwatch`.
   */
  topic?(realm: Uri, change: TopicChange): void;
  /**
   * Sessions of a node that died, when their rows are removed and before `nodeGone`. Exactly one node receives each of them: the one
   * that has removed it. Should that node die or lose the reply of the store in the same moment, no node receives them.
   */
  sessionsLost?(node: NodeId, sessions: readonly LostSession[]): void;
  /** The node is dead or has left; nothing of it comes any more and its rows are gone (G5). Once per node. */
  nodeGone(node: NodeId): void;
  /** A message from `from` to this node was lost: here, or a little earlier, in the order in which it sent. */
  gap(from: NodeId, reason: string): void;
  /**
   * A frame that `send` had taken certainly did not arrive: `to` did not listen. Once per frame, at any later time; `to`
   * receives a gap. A frame that does not come back may have arrived or not.
   */
  returned(to: NodeId, realm: Uri, frame: Frame): void;
  /**
   * Answers a question of a node, which may be this one. In NO_REALM it is for this node alone. The body could be decoded; its
   * shape is not checked. The packed answer may have 1 MiB, in NO_REALM 16 MiB. Undefined: this node does not know the subject. A
   * rejection counts as failed. Unlike the other events it may be called inside `ask`.
   */
  question?(from: NodeId, realm: Uri, subject: string, body: unknown): Promise<unknown> | undefined;
  /** Other nodes cannot be reached: local traffic goes on (G6). `up` follows, or `fenced`. */
  down(reason: string): void;
  up(): void;
  /**
   * The others declared this node dead while it was away: its rows are removed and they ignore what it sends (G5).
   * It must close its clients, stop, and come back under another NodeId. The last event, once.
   */
  fenced(): void;
}

/**
 * Whether a node knows that it is alive. `certain`: no other node can have declared it dead. `unknown`: one may have, and this
 * node is asking Redis, which takes a round trip, or a few seconds without an answer. `isolated`: one may have, and Redis
 * cannot be asked. `over`: it was declared dead, or has stopped.
 */
export type Standing = 'certain' | 'unknown' | 'isolated' | 'over';

export interface Backplane {
  readonly node: NodeId;
  readonly bus: Bus;
  readonly directory: Directory;
  /** State that the nodes share and that ends by itself. */
  readonly expiring: ExpiringStore;
  /** The newest events of topics, for later subscribers. */
  readonly retained: RetainedEvents;
  /** Events of configured topics, for clients that ask for what they have missed. */
  readonly history: EventHistory;
  /** Gauges with their present values, also after `stop`. Absent: it joins no nodes of other processes. */
  readonly gauges?: ClusterGauges;
  /**
   * The others may have declared this node dead, and may have subscribed and registered since without its knowledge:
   * it is cut off, and its lease has run out. Its knowledge is incomplete, so it rejects every publication.
   */
  readonly isIsolated: boolean;
  /** The backplane refuses now what needs other nodes or the store, for however short a time. */
  readonly isCutOff: boolean;
  /** No other node is in the cluster, as far as this one knows. */
  readonly isAlone: boolean;
  /** To be asked before anything is done for clients; costs a look at two clocks. Always `certain` where no lease is held. */
  standing(): Standing;
  start(events: BackplaneEvents): Promise<void>;
  /** Begins to serve a realm: resolves once `registration` has received every registration of it. Idempotent. */
  serve(realm: Uri): Promise<void>;
  /** Stops serving a realm: its interest, sessions and callees of this node are withdrawn. */
  withdraw(realm: Uri): Promise<void>;
  /**
   * Asks every live node that serves the realm, this one included, and resolves once each of them has answered, cannot answer, or
   * has had `timeoutMs`. Both lists together have each of these nodes once. A node that begins to serve the realm meanwhile is
   * not asked. Rejects with BackplaneUnavailableError when this node does not serve the realm, or when too many questions wait;
   * with MessageTooLargeError when the body has more than 64 KiB. Questions pass through the lanes, in order with frames.
   */
  ask(realm: Uri, subject: string, body: unknown, options: { readonly timeoutMs: number }): Promise<Answers>;
  /**
   * Asks one other node, whatever realms it serves: the node receives the question in the realm NO_REALM. The other promises are
   * those of `ask`; the packed answer may have 16 MiB. A node that this one does not know in the cluster has gone.
   */
  askNode(node: NodeId, subject: string, body: unknown, options: { readonly timeoutMs: number }): Promise<Answers>;
  /** Leaves the cluster cleanly: everything of this node is withdrawn, the others receive `nodeGone`. Idempotent. */
  stop(): Promise<void>;
}

/** Why a node has no answer. `gone`: it is dead, has left, or serves the realm no more. `unsupported`: it does not know the subject. */
export type UnansweredCause = 'gone' | 'unreachable' | 'timeout' | 'unsupported' | 'failed';

export interface Answers {
  readonly answers: readonly { readonly node: NodeId; readonly body: unknown }[];
  readonly unanswered: readonly { readonly node: NodeId; readonly why: UnansweredCause }[];
}

/** The text that clients receive. The log has which node failed, and why. */
export const UNREACHABLE_NOW = 'other nodes cannot be reached now: try again later';

/** Other nodes, or the shared store, cannot be reached. Operational: retry or fail by name; never a client's fault. */
export class BackplaneUnavailableError extends Error {
  override readonly name = 'BackplaneUnavailableError';
  readonly code = 'BACKPLANE_UNAVAILABLE';
  constructor(operation: string, cause?: unknown) {
    super(`backplane unavailable during ${operation}`, { cause });
  }
}

/** A publication is larger than one to another node may be, and another node wants it. */
export class MessageTooLargeError extends Error {
  override readonly name = 'MessageTooLargeError';
  readonly code = 'MESSAGE_TOO_LARGE';
  constructor() {
    super('the message is larger than what the nodes of this cluster can pass to each other');
  }
}
