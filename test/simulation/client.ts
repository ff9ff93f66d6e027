import type { Decision } from '../../src/session/authorization/permission.js';
import type { Session } from '../../src/session/ports.js';
import { Code } from '../../src/wamp/codes.js';
import type { Fault } from '../../src/wamp/faults.js';
import type { FeatureKey, Features } from '../../src/wamp/features.js';
import type { RegistrationId, RequestId, SessionId } from '../../src/wamp/ids.js';
import type { Event, Result, RouterMessage } from '../../src/wamp/messages.js';
import type { SerializerId } from '../../src/wamp/payload.js';
import { Callee } from './callee.js';
import {
  admits,
  matches,
  type CallRecord,
  type Journal,
  type Participant,
  type PublicationRecord,
  type RegistrationRecord,
  type SubscriptionRecord,
} from './journal.js';
import { contentOf, messageOf } from './note.js';
import type { Pattern } from './schedule.js';
import type { SimulatedNode } from './simulated-node.js';

const ALL: readonly FeatureKey[] = [
  'call_canceling',
  'call_reroute',
  'progressive_call_invocations',
  'progressive_call_results',
  'registration_revocation',
];
const FEW: readonly FeatureKey[] = ['registration_revocation'];

interface Asked {
  readonly kind: 'subscribe' | 'register';
  readonly pattern: Pattern;
  readonly at: number;
  readonly invoke: string;
  /** 0 means no bound. */
  readonly concurrency: number;
  readonly wantsRetained: boolean;
}

/** A client with its session: records its messages, and records a violation for each message that it must not receive. */
export class Client implements Session {
  readonly session: SessionId;
  readonly authid: string;
  readonly authrole: string;
  readonly features: Features;
  readonly realm: string;
  readonly authmethod = 'anonymous';
  readonly authprovider = 'static';
  readonly serializer: SerializerId = 'json';
  readonly maxMessageBytes = Infinity;
  readonly node: SimulatedNode;
  readonly canBeInterrupted: boolean;
  readonly subscriptions = new Map<number, SubscriptionRecord>();
  readonly registrations = new Map<number, RegistrationRecord>();
  /** Requests without an answer. */
  readonly asked = new Map<RequestId, Asked>();
  readonly unsubscribing = new Map<RequestId, number>();
  readonly publishing = new Map<RequestId, PublicationRecord>();
  readonly calls = new Map<RequestId, CallRecord>();
  readonly joinedAt: number;
  /** The store has had its testament while the session was open. */
  hasTestament = false;
  isOpen = true;
  /** The time at which the session ended. */
  goneAt = Infinity;
  readonly #journal: Journal;
  readonly #callee: Callee;
  readonly #lastPublication = new Map<Participant, number>();
  #lastRequest = 0;
  /** Messages that wait for the one before; undefined: none waits. */
  #unsent: (() => Promise<void> | undefined)[] | undefined;

  constructor(session: SessionId, node: SimulatedNode, role: string, features: 'all' | 'few') {
    this.session = session;
    this.node = node;
    this.realm = node.realm.uri;
    this.authid = `authid-${session}`;
    this.authrole = role;
    const callee = new Set(features === 'all' ? ALL : FEW);
    this.features = { publisher: new Set(), subscriber: new Set(), caller: new Set(ALL), callee };
    this.canBeInterrupted = features === 'all';
    this.#journal = node.journal;
    this.joinedAt = node.journal.at;
    this.#callee = new Callee(this, node.journal);
  }

  get name(): string {
    return `session ${this.session} of ${this.node.id}`;
  }

  /** It has the subscription, or has asked for it. */
  isSubscribed(topic: string, match: string): boolean {
    const asked = [...this.asked.values()].map(({ pattern }) => pattern);
    const held = [...this.subscriptions.values()].map((one) => [one.topic, one.match] as const);
    return [...asked, ...held].some(([uri, policy]) => uri === topic && policy === match);
  }

  nextRequest(): RequestId {
    return ++this.#lastRequest as RequestId;
  }

  /** Sends a message once the router has handled the one before, and while the session is open (ORD-1). */
  submit(message: () => Promise<void> | undefined): void {
    if (this.#unsent !== undefined) {
      this.#unsent.push(message);
      return;
    }
    const handled = this.isOpen ? message() : undefined;
    if (handled === undefined) return;
    this.#unsent = [];
    void handled.then(() => {
      const unsent = this.#unsent ?? [];
      this.#unsent = undefined;
      for (const later of unsent) this.submit(later);
    });
  }

  get isReachable(): boolean {
    return this.isOpen;
  }

  send(message: RouterMessage): undefined {
    if (!this.isOpen) return;
    this.#journal.tick();
    switch (message[0]) {
      case Code.SUBSCRIBED:
        this.#subscribed(message[1], message[2]);
        break;
      case Code.UNSUBSCRIBED:
        if (message[1] !== 0) this.subscriptions.delete(this.unsubscribing.get(message[1]) ?? 0);
        break;
      case Code.REGISTERED:
        this.#registered(message[1], message[2]);
        break;
      case Code.UNREGISTERED:
        if (message[1] === 0) this.#revoked(message[2]!['registration'] as RegistrationId);
        break;
      case Code.PUBLISHED:
        this.#published(message[1], 'published');
        break;
      case Code.ERROR:
        this.#refused(message[1], message[2], message[4]);
        break;
      case Code.EVENT:
        this.#event(message);
        break;
      case Code.INVOCATION:
        this.#callee.invoked(message);
        break;
      case Code.INTERRUPT:
        this.#callee.interrupted(message[1], message[2]['mode'] === 'kill');
        break;
      case Code.RESULT:
        this.#result(message);
        break;
      default:
    }
    return;
  }

  write(token: Uint8Array): void {
    this.send(messageOf(token));
  }

  maySubscribe(): Decision {
    return { allowed: true, disclose: false };
  }

  mayPublish(): Decision {
    return { allowed: true, disclose: false };
  }

  dismiss(): void {
    this.close();
  }

  close(): void {
    this.end();
  }

  endAfter(): void {
    throw new Error('no session of a simulation expires');
  }

  readonly authorizer = undefined;

  reauthorize(): void {
    throw new Error('nothing is reloaded here');
  }

  abort({ message }: Fault): void {
    if (this.isOpen) this.#journal.violate('PV', `${this.name} was aborted: ${message}`);
    this.end();
  }

  /** The transport is lost. */
  end(): void {
    if (!this.isOpen) return;
    this.die();
    const endPart = this.node.realm.remove(this);
    if (endPart !== undefined) void this.node.inTurns(endPart);
  }

  /** The transport is lost and the node with it. */
  die(): void {
    this.isOpen = false;
    this.goneAt = this.#journal.tick();
    for (const record of [...this.subscriptions.values(), ...this.registrations.values()])
      record.until = Math.min(record.until, this.goneAt);
  }

  #subscribed(request: RequestId, id: number): void {
    const asked = this.asked.get(request);
    if (asked?.kind !== 'subscribe') {
      this.#journal.violate('BRK-1', `${this.name} got a second answer to SUBSCRIBE ${request}`);
      return;
    }
    this.asked.delete(request);
    if (this.subscriptions.has(id)) return;
    const [topic, match] = asked.pattern;
    const record = {
      client: this,
      id: id as never,
      topic,
      match,
      askedAt: asked.at,
      from: this.#journal.at,
      until: Infinity,
    };
    const { wantsRetained } = asked;
    const subscription = { ...record, received: new Set<number>(), wantsRetained, replayed: undefined, liveCount: 0 };
    this.subscriptions.set(id, subscription);
    this.#journal.subscriptions.push(subscription);
  }

  #registered(request: RequestId, id: RegistrationId): void {
    const asked = this.asked.get(request);
    if (asked?.kind !== 'register') {
      this.#journal.violate('DLR-1', `${this.name} got a second answer to REGISTER ${request}`);
      return;
    }
    this.asked.delete(request);
    if (this.registrations.has(id)) this.#journal.violate('DLR-4', `${this.name} got registration ${id} twice`);
    const [procedure, match] = asked.pattern;
    const { invoke, concurrency } = asked;
    const registration = {
      client: this,
      id,
      procedure,
      match,
      invoke,
      concurrency,
      askedAt: asked.at,
      from: this.#journal.at,
      until: Infinity,
    };
    this.registrations.set(id, registration);
    this.#journal.registrations.push(registration);
  }

  #revoked(id: RegistrationId): void {
    const registration = this.registrations.get(id);
    if (registration === undefined)
      this.#journal.violate('REV-1', `${this.name} was revoked registration ${id}, which it does not hold`);
    else {
      registration.until = Math.min(registration.until, this.#journal.at);
      const isOfIt = ({ procedure, match }: Pick<RegistrationRecord, 'procedure' | 'match'>): boolean =>
        procedure === registration.procedure && match === registration.match;
      // The new holder has its REGISTERED already: a claim that fails takes nothing.
      const wasTaken =
        this.#journal.claims.some((claim) => claim.force && isOfIt(claim)) &&
        this.#journal.registrations.some(
          (other) => other.client !== this && isOfIt(other) && other.from > registration.askedAt,
        );
      // A session that leaves with more open claims than a part has gives them up in parts, and one may be granted between two.
      const isOfOneThatLeft = this.#journal.claims.some(
        (claim) => claim.force && isOfIt(claim) && claim.client.goneAt !== Infinity && openClaimCount(claim.client) > 1,
      );
      // After the store has lost rows, a session may register it before the holder's node has written its row again (semantics,
      // "What is not promised").
      const isOfFasterOne =
        this.#journal.rowsLostAt < this.#journal.at &&
        this.#journal.claims.some((claim) => claim.client !== this && isOfIt(claim));
      // A node that came back to an emptied store may lose its rows, once more, before it receives that it was declared dead.
      const isOfDeadNode = this.node.state === 'declared-dead';
      const isExplained = wasTaken || isOfOneThatLeft || isOfFasterOne || isOfDeadNode;
      if (!isExplained && this.node.calleesLostAt.length === 0)
        this.#journal.violate('REV-1', `${this.name} was revoked ${id}, but nobody took it over`);
    }
    this.registrations.delete(id);
  }

  #published(request: RequestId, answer: 'published' | 'error'): void {
    const publication = this.publishing.get(request);
    if (publication === undefined) {
      this.#journal.violate('BRK-6', `${this.name} got an answer to PUBLISH ${request}, which expects none`);
      return;
    }
    this.publishing.delete(request);
    publication.answer = answer;
    publication.answeredAt = this.#journal.at;
    if (answer === 'error') publication.isRefused = true;
  }

  #refused(type: number, request: RequestId, error: string): void {
    if (type === Code.CALL) this.#callEnded(request, error);
    else if (type === Code.PUBLISH) this.#published(request, 'error');
    else if (type === Code.SUBSCRIBE || type === Code.REGISTER) {
      if (!this.asked.delete(request)) this.#journal.violate('DLR-1', `${this.name} got a second answer to ${request}`);
    }
  }

  #event([, id, , details, payload]: Event): void {
    // A subscription to all topics receives meta events and testaments too; the watchers record them.
    const topic = String(details['topic']);
    if (topic.startsWith('wamp.') || topic === 'testament') return;
    const content = contentOf(payload);
    const publication =
      content !== undefined && 'publication' in content ? this.#journal.publications[content.publication] : undefined;
    const subscription = this.subscriptions.get(id);
    const what = `${this.name} got publication ${publication?.number ?? '?'} for subscription ${id}`;
    if (publication === undefined) this.#journal.violate('BRK-9', `${what} with another payload`);
    else if (subscription === undefined) this.#journal.violate('ORD-2, BRK-5', `${what}, which it does not hold`);
    else {
      if (subscription.received.has(publication.number)) this.#journal.violate('G4, BRK-8', `${what} twice`);
      subscription.received.add(publication.number);
      const isRetained = details['retained'] === true;
      if (isRetained) this.#retained(subscription, publication, what);
      else subscription.liveCount++;
      if (!matches(publication.topic, subscription.topic, subscription.match))
        this.#journal.violate('PBS-1', `${what}, topic ${publication.topic}, which does not match`);
      if (!admits(publication, this)) this.#journal.violate('BRK-7, BWL-1', `${what}, which is not for it`);
      if ((details['topic'] ?? publication.topic) !== publication.topic)
        this.#journal.violate('PBS-3', `${what} with topic ${String(details['topic'])}`);
      const last = this.#lastPublication.get(publication.client) ?? -1;
      if (!isRetained && publication.number < last && !this.#mayComeLater(publication, subscription))
        this.#journal.violate('ORD-1', `${what} after the later ${last}`);
      if (!isRetained) this.#lastPublication.set(publication.client, Math.max(last, publication.number));
    }
  }

  /** One retained event, and no live one before it. */
  #retained(subscription: SubscriptionRecord, publication: PublicationRecord, what: string): void {
    if (!subscription.wantsRetained) this.#journal.violate('RET-2', `${what} as a retained one, unasked`);
    if (subscription.replayed !== undefined) this.#journal.violate('RET-5', `${what}, a second retained one`);
    if (subscription.liveCount > 0) this.#journal.violate('RET-2', `${what} as a retained one after live ones`);
    subscription.replayed = publication;
  }

  /** True if the publication waited for its client's SUBSCRIBED (G10) and an UNSUBSCRIBE let later ones pass (BRK-5). */
  #mayComeLater(publication: PublicationRecord, { from }: SubscriptionRecord): boolean {
    const ended = this.#journal.subscriptions.filter(({ client, until }) => client === this && until !== Infinity);
    const hasWaited = publication.client === this && publication.at < from;
    return hasWaited && ended.some(({ until }) => until > publication.at);
  }

  #result([, request, details, payload]: Result): void {
    const call = this.calls.get(request);
    const content = contentOf(payload);
    const what = `${this.name} got a RESULT of call ${call?.number ?? '?'}`;
    if (call === undefined) this.#journal.violate('DLR-8', `${what} for request ${request}, which is no call`);
    else if (call.end !== undefined) this.#journal.violate('G3, DLR-8, ORD-5', `${what} after its end`);
    else if (content === undefined || !('reply' in content) || content.reply !== call.number)
      this.#journal.violate('BRK-9', `${what} with another payload`);
    else if (details['progress'] !== true) {
      if (content.progress !== undefined) this.#journal.violate('PCR-6', `${what}: a progressive one as the final one`);
      // After CANCEL no more progressive results are due, but the callee may still answer (CAN-1).
      if (content.progressCount !== call.progressCount && call.cancelMode === undefined)
        this.#journal.violate('ORD-5', `${what} after ${call.progressCount} of ${content.progressCount} chunks`);
      this.#callEnded(request, '');
    } else {
      if (call.cancelMode !== undefined) this.#journal.violate('CAN-1', `${what} in progress after it canceled`);
      if (!call.receiveProgress) this.#journal.violate('PCR-6', `${what} in progress, which it did not ask for`);
      if (content.progress !== call.progressCount)
        this.#journal.violate('ORD-5', `${what}: chunk ${String(content.progress)} after ${call.progressCount}`);
      call.progressCount++;
    }
  }

  #callEnded(request: RequestId, error: string): void {
    const call = this.calls.get(request);
    if (call === undefined) this.#journal.violate('DLR-8', `${this.name} got an end of ${request}, which is no call`);
    else if (call.end !== undefined)
      this.#journal.violate('G3, DLR-8', `${this.name} got a second end of call ${call.number}: ${error}`);
    else call.end = { error, at: this.#journal.at, atMs: this.node.time.nowMs };
  }
}

function openClaimCount({ asked }: Participant): number {
  return [...asked.values()].filter(({ kind }) => kind === 'register').length;
}
