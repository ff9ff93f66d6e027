import type { BackplaneEvents, Bus, TopicChange } from '../backplane/backplane.js';
import { NO_REALM } from '../backplane/question.js';
import type { LostSession } from '../backplane/session-row.js';
import { NO_PAYLOAD } from '../codec/payload.js';
import type { CallKey, Frame, LostFrame } from '../routing/frames.js';
import type { Publication, Registration } from '../routing/ports.js';
import type { Rest } from '../routing/rest.js';
import type { NodeId, Uri } from '../wamp/ids.js';
import { ErrorUri } from '../wamp/uris.js';
import type { Realm } from './realm.js';
import { unreachableFailure } from './unreachable.js';

/** Answers questions to this node alone. Undefined: it does not know the subject. */
export interface NodeAnswers {
  answer(from: NodeId, subject: string, body: unknown): Promise<unknown> | undefined;
}

/** Events of the cluster that concern the node as a whole. */
export interface InboundReports {
  /** Sessions of a node that died; their rows are removed. */
  sessionsLost(sessions: readonly LostSession[]): void;
  gap(from: NodeId, reason: string): void;
  nodeGone(node: NodeId): void;
  /** Answers of the node itself, the same in every realm, by subject. Absent: none. */
  readonly answers?: ReadonlyMap<string, () => Promise<unknown>>;
  /** `reason`: why the cluster is not reachable. */
  reach(isReachable: boolean, reason?: string): void;
  /** This node was declared dead: it must start a new incarnation. */
  fenced(): void;
}

const LOST: LostFrame = { kind: 'lost' };

/**
 * Brings what other nodes send to the realm it concerns. For a realm that this node no longer serves, it answers calls
 * (G3).
 */
export class Inbound implements BackplaneEvents {
  readonly #realms: ReadonlyMap<Uri, Realm>;
  readonly #bus: Pick<Bus, 'send'>;
  readonly #reports: InboundReports;
  readonly #answers: NodeAnswers | undefined;

  constructor(realms: ReadonlyMap<Uri, Realm>, bus: Pick<Bus, 'send'>, reports: InboundReports, answers?: NodeAnswers) {
    this.#realms = realms;
    this.#bus = bus;
    this.#reports = reports;
    this.#answers = answers;
  }

  publication(_from: NodeId, realm: Uri, publication: Publication): Rest | undefined {
    return this.#realms.get(realm)?.receive(publication);
  }

  frame(from: NodeId, realm: Uri, frame: Frame): void {
    if (frame.kind === 'lost') {
      for (const { dealer } of this.#realms.values()) dealer.receive(from, frame);
      return;
    }
    const dealer = this.#realms.get(realm)?.dealer;
    if (dealer !== undefined) dealer.receive(from, frame);
    // The realm's last callee has left with it, and the caller's node does not know that yet.
    else if (frame.kind === 'invoke' || frame.kind === 'continue') this.#refuse(from, realm, frame.call);
  }

  registration(realm: Uri, registration: Registration): void {
    this.#realms.get(realm)?.registration(registration);
  }

  topic(realm: Uri, change: TopicChange): void {
    this.#realms.get(realm)?.meta.topicChanged(change);
  }

  question(from: NodeId, realm: Uri, subject: string, body: unknown): Promise<unknown> | undefined {
    if (realm === NO_REALM) return this.#answers?.answer(from, subject, body);
    return this.#reports.answers?.get(subject)?.() ?? this.#realms.get(realm)?.answers.get(subject)?.(body, from);
  }

  sessionsLost(_node: NodeId, sessions: readonly LostSession[]): void {
    this.#reports.sessionsLost(sessions);
  }

  nodeGone(node: NodeId): void {
    this.#reports.nodeGone(node);
    for (const realm of this.#realms.values()) realm.dealer.nodeGone(node);
  }

  gap(from: NodeId, reason: string): void {
    this.#reports.gap(from, reason);
    for (const { dealer } of this.#realms.values()) dealer.laneGap(from);
    // Once for all realms: the loss may concern a call in a realm that only one of the two nodes serves.
    this.#bus.send(from, NO_REALM, LOST);
  }

  /**
   * Treats the frame as one that the bus refused: a call that waits for its answer goes to another callee or ends (G3,
   * G6).
   */
  returned(_to: NodeId, realm: Uri, frame: Frame): void {
    const dealer = this.#realms.get(realm)?.dealer;
    const answer = unreachableFailure(frame);
    if (dealer !== undefined && answer !== undefined) dealer.receive(answer.call.node, answer);
  }

  down(reason: string): void {
    this.#reports.reach(false, reason);
    const waiting = new Set<NodeId>();
    for (const { dealer } of this.#realms.values()) for (const node of dealer.cutOff()) waiting.add(node);
    // A refused frame makes the other node see a gap once it is reachable again; it then ends what is pending here.
    for (const node of waiting) this.#bus.send(node, NO_REALM, LOST);
  }

  up(): void {
    this.#reports.reach(true);
    for (const realm of this.#realms.values()) realm.reachable();
  }

  fenced(): void {
    this.#reports.fenced();
  }

  #refuse(caller: NodeId, realm: Uri, call: CallKey): void {
    const error = ErrorUri.NO_SUCH_PROCEDURE;
    this.#bus.send(caller, realm, { kind: 'failure', call, cause: 'gone', error, payload: NO_PAYLOAD });
  }
}
