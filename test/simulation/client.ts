import type { Session } from '../../src/session/ports.js';
import { Code } from '../../src/wamp/codes.js';
import type { Fault } from '../../src/wamp/faults.js';
import type { FeatureKey, Features } from '../../src/wamp/features.js';
import type { RegistrationId, RequestId, SessionId } from '../../src/wamp/ids.js';
import type { Event, Invocation, Result, RouterMessage } from '../../src/wamp/messages.js';
import type { SerializerId } from '../../src/wamp/payload.js';
import {
  admits,
  matches,
  type CallRecord,
  type InvocationRecord,
  type Journal,
  type PublicationRecord,
  type RegistrationRecord,
  type SubscriptionRecord,
} from './journal.js';
import { messageOf, Note, saidIn } from './note.js';
import type { Pattern } from './schedule.js';
import { INTERRUPT_TIMEOUT_MS, type SimulatedNode } from './simulated-node.js';

const ALL: readonly FeatureKey[] = [
  'call_canceling',
  'call_reroute',
  'progressive_call_invocations',
  'progressive_call_results',
  'registration_revocation',
];
const FEW: readonly FeatureKey[] = ['registration_revocation'];

/** Error URIs of the simulated applications. */
export const APP_ERROR = 'app.error';
export const APP_INTERRUPTED = 'app.interrupted';

interface Asked {
  readonly kind: 'subscribe' | 'register';
  readonly pattern: Pattern;
  readonly at: number;
  readonly invoke: string;
  /** 0: no bound. */
  readonly concurrency: number;
}

/** A client with its session: does what it is told, answers calls by their plan, and objects to what it must not see. */
export class Client implements Session {
  readonly session: SessionId;
  readonly authid: string;
  readonly authrole: string;
  readonly features: Features;
  readonly realm: string;
  readonly authmethod = 'anonymous';
  readonly authprovider = 'static';
  readonly serializer: SerializerId = 'json';
  readonly node: SimulatedNode;
  readonly canBeInterrupted: boolean;
  readonly subscriptions = new Map<number, SubscriptionRecord>();
  readonly registrations = new Map<number, RegistrationRecord>();
  /** Requests without an answer. */
  readonly asked = new Map<RequestId, Asked>();
  readonly unsubscribing = new Map<RequestId, number>();
  readonly publishing = new Map<RequestId, PublicationRecord>();
  readonly calls = new Map<RequestId, CallRecord>();
  readonly invocations = new Map<RequestId, InvocationRecord>();
  isOpen = true;
  /** When the session ended. */
  goneAt = Infinity;
  readonly #journal: Journal;
  readonly #lastPublication = new Map<Client, number>();
  readonly #lastCall = new Map<Client, CallRecord>();
  #lastRequest = 0;
  #lastInvocation = 0;

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
  }

  get name(): string {
    return `session ${this.session} of ${this.node.id}`;
  }

  nextRequest(): RequestId {
    return ++this.#lastRequest as RequestId;
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
        this.#invoked(message);
        break;
      case Code.INTERRUPT:
        this.#interrupted(message[1], message[2]['mode'] === 'kill');
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

  dismiss(): void {
    this.close();
  }

  close(): void {
    this.end();
  }

  endAfter(): void {
    throw new Error('no session of a simulation expires');
  }

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
    this.node.realm.remove(this);
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
    const subscription = { ...record, received: new Set<number>() };
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
      // Whoever takes it has been told so before: a claim that fails takes nothing.
      const wasTaken =
        this.#journal.claims.some((claim) => claim.force && isOfIt(claim)) &&
        this.#journal.registrations.some(
          (other) => other.client !== this && isOfIt(other) && other.from > registration.askedAt,
        );
      if (!wasTaken && this.node.robbedAt.length === 0)
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
    const said = saidIn(payload);
    const publication =
      said !== undefined && 'publication' in said ? this.#journal.publications[said.publication] : undefined;
    const subscription = this.subscriptions.get(id);
    const what = `${this.name} got publication ${publication?.number ?? '?'} for subscription ${id}`;
    if (publication === undefined) this.#journal.violate('BRK-9', `${what} with another payload`);
    else if (subscription === undefined) this.#journal.violate('ORD-2, BRK-5', `${what}, which it does not hold`);
    else {
      if (subscription.received.has(publication.number)) this.#journal.violate('G4, BRK-8', `${what} twice`);
      subscription.received.add(publication.number);
      if (!matches(publication.topic, subscription.topic, subscription.match))
        this.#journal.violate('PBS-1', `${what}, topic ${publication.topic}, which does not match`);
      if (!admits(publication, this)) this.#journal.violate('BRK-7, BWL-1', `${what}, which is not for it`);
      if ((details['topic'] ?? publication.topic) !== publication.topic)
        this.#journal.violate('PBS-3', `${what} with topic ${String(details['topic'])}`);
      const last = this.#lastPublication.get(publication.client) ?? -1;
      if (publication.number < last && !this.#mayComeLater(publication, subscription))
        this.#journal.violate('ORD-1', `${what} after the later ${last}`);
      this.#lastPublication.set(publication.client, Math.max(last, publication.number));
    }
  }

  /** It waited for its SUBSCRIBED (G10), and what was published behind it could not: an UNSUBSCRIBE came (BRK-5). */
  #mayComeLater(publication: PublicationRecord, { from }: SubscriptionRecord): boolean {
    const ended = this.#journal.subscriptions.filter(({ client, until }) => client === this && until !== Infinity);
    const hasWaited = publication.client === this && publication.at < from;
    return hasWaited && ended.some(({ until }) => until > publication.at);
  }

  #invoked([, request, id, details, payload]: Invocation): void {
    const said = saidIn(payload);
    const call = said !== undefined && 'call' in said ? this.#journal.calls[said.call] : undefined;
    if (call === undefined || said === undefined || !('call' in said)) {
      this.#journal.violate('BRK-9', `${this.name} got an invocation with another payload`);
      return;
    }
    const known = this.invocations.get(request);
    const what = `${this.name} got chunk ${said.chunk} of call ${call.number} as invocation ${request}`;
    if (known !== undefined) {
      if (known.call !== call || said.chunk !== known.chunkCount)
        this.#journal.violate('ORD-5', `${what} after ${known.chunkCount} chunks`);
      known.chunkCount++;
      return;
    }
    if (request !== ++this.#lastInvocation) this.#journal.violate('ID-4', `${what}, not ${this.#lastInvocation}`);
    const registration = this.registrations.get(id);
    if (registration === undefined) this.#journal.violate('ORD-4', `${what} without holding registration ${id}`);
    else this.#checkConcurrency(registration, what);
    if (said.chunk !== 0) this.#journal.violate('ORD-5', `${what} first`);
    this.#checkCallOrder(call, what);
    this.#checkSingle(call, what);
    const mayProgress = details['receive_progress'] === true;
    const invocation: InvocationRecord = {
      client: this,
      request,
      registration,
      call,
      mayProgress,
      chunkCount: 1,
      progressCount: 0,
      answer: undefined,
      isInterrupted: false,
      interruptedAtMs: undefined,
    };
    this.invocations.set(request, invocation);
    call.invocations.push(invocation);
    this.#work(invocation);
  }

  /** What it has not answered counts, whether or not its caller still waits; only INTERRUPT sets a bound to that. */
  #checkConcurrency(held: RegistrationRecord, what: string): void {
    const { concurrency } = held;
    const { nowMs } = this.node.time;
    const active = [...this.invocations.values()].filter(
      ({ registration, answer, interruptedAtMs }) =>
        registration === held && answer === undefined && nowMs < (interruptedAtMs ?? Infinity) + INTERRUPT_TIMEOUT_MS,
    );
    if (concurrency > 0 && active.length >= concurrency)
      this.#journal.violate('concurrency', `${what} while it works on ${active.length} of at most ${concurrency}`);
  }

  #checkCallOrder(call: CallRecord, what: string): void {
    const last = this.#lastCall.get(call.client);
    if (last !== undefined && call.number < last.number) {
      if (!this.#mayComeAfter(call, last))
        this.#journal.violate('ORD-3', `${what} after the later call ${last.number}`);
      return;
    }
    this.#lastCall.set(call.client, call);
  }

  /** It went to another callee first, and the later call was made before that one had refused it (RRT-1, SHR-7). */
  #mayComeAfter({ sentAt }: CallRecord, later: CallRecord): boolean {
    return sentAt.length > 1 && later.at < (sentAt.at(-1) ?? 0);
  }

  #checkSingle(call: CallRecord, what: string): void {
    const previous = call.invocations.at(-1);
    if (previous !== undefined && previous.answer !== 'unavailable')
      this.#journal.violate('DLR-5', `${what} although ${previous.client.name} has it`);
  }

  #work(invocation: InvocationRecord): void {
    const { plan, invocations } = invocation.call;
    const { progressCount, delayMs } = plan;
    const isRetry = invocations.length > 1;
    const reply = plan.reply === 'unavailable' && isRetry ? 'result' : plan.reply;
    const after = (steps: number, action: () => void): void => {
      this.node.time.after(delayMs * steps, () => {
        const isWorking = this.isOpen && invocation.answer === undefined;
        // Whoever is interrupted may stop or go on: both happen.
        if (isWorking && !(invocation.isInterrupted && invocation.request % 2 === 0)) action();
      });
    };
    const sent = invocation.mayProgress && reply !== 'unavailable' ? progressCount : 0;
    for (let step = 1; step <= sent; step++) after(step, () => this.#yield(invocation, true));
    if (reply !== 'silence') after(sent + 1, () => this.#answer(invocation, reply));
  }

  #answer(invocation: InvocationRecord, reply: 'result' | 'error' | 'unavailable' | 'interrupted'): void {
    invocation.answer = reply;
    if (reply === 'result') {
      this.#yield(invocation, false);
      return;
    }
    const errors = { error: APP_ERROR, unavailable: 'wamp.error.unavailable', interrupted: APP_INTERRUPTED };
    const { request, call, progressCount } = invocation;
    const note = new Note({ reply: call.number, progress: undefined, progressCount });
    this.node.realm.route(this, [Code.ERROR, Code.INVOCATION, request, {}, errors[reply], note], false);
  }

  #yield(invocation: InvocationRecord, progress: boolean): void {
    const { request, call } = invocation;
    const number = progress ? invocation.progressCount++ : undefined;
    const note = new Note({ reply: call.number, progress: number, progressCount: invocation.progressCount });
    this.node.realm.route(this, [Code.YIELD, request, { progress }, note], false);
  }

  #interrupted(request: RequestId, mustAnswer: boolean): void {
    const invocation = this.invocations.get(request);
    const what = `${this.name} got INTERRUPT of invocation ${request}`;
    if (invocation === undefined) this.#journal.violate('CAN-3', `${what}, which it never had`);
    else if (!this.canBeInterrupted) this.#journal.violate('CAN-2, DLR-11', `${what} without having announced it`);
    else if (invocation.isInterrupted) this.#journal.violate('CAN-1', `${what} twice`);
    else {
      invocation.isInterrupted = true;
      invocation.interruptedAtMs = this.node.time.nowMs;
      if (mustAnswer && invocation.answer === undefined)
        this.node.time.after(0, () => {
          if (this.isOpen && invocation.answer === undefined) this.#answer(invocation, 'interrupted');
        });
    }
  }

  #result([, request, details, payload]: Result): void {
    const call = this.calls.get(request);
    const said = saidIn(payload);
    const what = `${this.name} got a RESULT of call ${call?.number ?? '?'}`;
    if (call === undefined) this.#journal.violate('DLR-8', `${what} for request ${request}, which is no call`);
    else if (call.end !== undefined) this.#journal.violate('G3, DLR-8, ORD-5', `${what} after its end`);
    else if (said === undefined || !('reply' in said) || said.reply !== call.number)
      this.#journal.violate('BRK-9', `${what} with another payload`);
    else if (details['progress'] !== true) {
      if (said.progress !== undefined) this.#journal.violate('PCR-6', `${what}: a progressive one as the final one`);
      // After CANCEL no more progressive results are due, but the callee may still answer (CAN-1).
      if (said.progressCount !== call.progressCount && call.cancelMode === undefined)
        this.#journal.violate('ORD-5', `${what} after ${call.progressCount} of ${said.progressCount} chunks`);
      this.#callEnded(request, '');
    } else {
      if (call.cancelMode !== undefined) this.#journal.violate('CAN-1', `${what} in progress after it canceled`);
      if (!call.receiveProgress) this.#journal.violate('PCR-6', `${what} in progress, which it did not ask for`);
      if (said.progress !== call.progressCount)
        this.#journal.violate('ORD-5', `${what}: chunk ${String(said.progress)} after ${call.progressCount}`);
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
