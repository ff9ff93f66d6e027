import { performance } from 'node:perf_hooks';
import type { CancelMode, InvocationPolicy, MatchPolicy } from '../../../src/wamp/options.js';

/** When something was seen: its place in the one order of all that was seen, and the time since the epoch. */
export interface Moment {
  readonly at: number;
  readonly ms: number;
}

/** One session of one client, on one life of a router. */
export interface SessionRecord {
  readonly member: string;
  /** The router's NodeId. */
  readonly node: string;
  /** The id in WELCOME; 0: the client does not expose it. */
  readonly id: number;
  /** False: it did not announce `call_canceling`, so nobody can interrupt it. */
  readonly canBeInterrupted: boolean;
  readonly opened: Moment;
  /** Its own decision (`left`), or the reason that the router or the connection gave. */
  ended: (Moment & { readonly reason: string }) | undefined;
  /** In the order of arrival. */
  readonly events: EventRecord[];
  readonly invocations: InvocationRecord[];
}

/** What a session asked for and holds once it was granted. */
interface Holding {
  readonly session: SessionRecord;
  readonly match: MatchPolicy;
  /** SUBSCRIBE or REGISTER, the last one if it was repeated. */
  asked: Moment;
  /** Every ERROR that answered, with the request it answered. */
  readonly refusals: (Moment & { readonly error: string; readonly asked: Moment })[];
  /** SUBSCRIBED or REGISTERED; undefined: not yet. */
  from: Moment | undefined;
  /** UNSUBSCRIBE, UNREGISTER or revoked; the end of its session ends it too. */
  until: Moment | undefined;
}

export interface SubscriptionRecord extends Holding {
  readonly topic: string;
}

export interface EventRecord extends Moment {
  readonly subscription: SubscriptionRecord;
  readonly publication: number;
}

/** Whom a publication is for, among those subscribed. Lists that are absent restrict nobody (BWL-1, BWL-2). */
export interface Audience {
  readonly excludeMe: boolean;
  readonly eligible?: ReadonlySet<SessionRecord>;
  readonly exclude?: ReadonlySet<SessionRecord>;
}
const EVERYBODY_ELSE: Audience = { excludeMe: true };

export interface PublicationRecord extends Moment {
  readonly number: number;
  readonly session: SessionRecord;
  readonly topic: string;
  readonly acknowledge: boolean;
  readonly audience: Audience;
  /** PUBLISHED (no error) or ERROR; more than one is a fault of the router. */
  readonly answers: (Moment & { readonly error: string })[];
}

export interface RegistrationRecord extends Holding, CalleeTerms {
  readonly procedure: string;
}

interface CalleeTerms {
  readonly invoke: InvocationPolicy;
  /** Invocations it takes at once; 0: no bound. */
  readonly concurrency: number;
}
const ALONE: CalleeTerms & { readonly match: MatchPolicy } = { invoke: 'single', concurrency: 0, match: 'exact' };

/** The work of the callee, in the payload of the call. */
export interface Plan {
  readonly delayMs: number;
  readonly progressCount: number;
  readonly reply: 'result' | 'error' | 'silence';
}

export interface CallRecord extends Moment {
  readonly number: number;
  readonly session: SessionRecord;
  readonly procedure: string;
  readonly plan: Plan;
  /** 0: none. */
  readonly timeoutMs: number;
  canceled: (Moment & { readonly mode: CancelMode }) | undefined;
  /** Everything that answered it, in order. */
  readonly answers: AnswerRecord[];
}

export interface AnswerRecord extends Moment {
  /** Number of this progressive result; undefined: it is final. */
  readonly progress: number | undefined;
  /** Of a final RESULT: the number of progressive ones that the callee claims to have sent. */
  readonly progressCount: number | undefined;
  /** '': a RESULT. */
  readonly error: string;
}

export interface InvocationRecord extends Moment {
  readonly session: SessionRecord;
  /** The number that came in its payload. */
  readonly call: number;
  /** The subscription that it came by; undefined: the client does not expose it. */
  readonly registration: RegistrationRecord | undefined;
  answered: Moment | undefined;
  interrupted: Moment | undefined;
}

/** What clients of one cluster saw, in one order. Records only; `judge` draws the conclusions. */
export class Journal {
  readonly sessions: SessionRecord[] = [];
  readonly subscriptions: SubscriptionRecord[] = [];
  readonly publications: PublicationRecord[] = [];
  readonly registrations: RegistrationRecord[] = [];
  readonly calls: CallRecord[] = [];
  readonly invocations: InvocationRecord[] = [];
  /** What broke the protocol on the spot, with its rule. */
  readonly oddities: string[] = [];
  readonly #nowMs: () => number;
  #at = 0;

  constructor(nowMs: () => number = () => performance.timeOrigin + performance.now()) {
    this.#nowMs = nowMs;
  }

  now(): Moment {
    return { at: ++this.#at, ms: this.#nowMs() };
  }

  /** `nodeAt`: which life of its router was there at that time, which may only be known later. */
  opened(member: string, nodeAt: (ms: number) => string, id = 0, canBeInterrupted = true): SessionRecord {
    const opened = this.now();
    const session: SessionRecord = {
      member,
      get node() {
        return nodeAt(opened.ms);
      },
      id,
      canBeInterrupted,
      opened,
      ended: undefined,
      events: [],
      invocations: [],
    };
    this.sessions.push(session);
    return session;
  }

  /** The first reason counts. */
  ended(session: SessionRecord, reason: string): void {
    session.ended ??= { ...this.now(), reason };
  }

  subscribing(session: SessionRecord, topic: string, match: MatchPolicy): SubscriptionRecord {
    const subscription = { ...this.#holding(session), topic, match };
    this.subscriptions.push(subscription);
    return subscription;
  }

  registering(session: SessionRecord, procedure: string, options: Partial<typeof ALONE> = {}): RegistrationRecord {
    const registration = { ...this.#holding(session), procedure, ...ALONE, ...options };
    this.registrations.push(registration);
    return registration;
  }

  #holding(session: SessionRecord): Omit<Holding, 'match'> {
    return { session, asked: this.now(), refusals: [], from: undefined, until: undefined };
  }

  /** SUBSCRIBED or REGISTERED. */
  granted(record: SubscriptionRecord | RegistrationRecord): void {
    record.from = this.now();
  }

  refused(record: SubscriptionRecord | RegistrationRecord, error: string): void {
    record.refusals.push({ ...this.now(), error, asked: record.asked });
  }

  askedAgain(record: SubscriptionRecord | RegistrationRecord): void {
    record.asked = this.now();
  }

  /** UNSUBSCRIBE or UNREGISTER is about to be sent, or it was revoked. */
  givenUp(record: SubscriptionRecord | RegistrationRecord): void {
    record.until ??= this.now();
  }

  published(
    session: SessionRecord,
    topic: string,
    acknowledge: boolean,
    audience: Audience = EVERYBODY_ELSE,
  ): PublicationRecord {
    const number = this.publications.length;
    const publication = { ...this.now(), number, session, topic, acknowledge, audience, answers: [] };
    this.publications.push(publication);
    return publication;
  }

  publicationAnswered(publication: PublicationRecord, error: string): void {
    publication.answers.push({ ...this.now(), error });
  }

  event(subscription: SubscriptionRecord, publication: number): void {
    subscription.session.events.push({ ...this.now(), subscription, publication });
  }

  called(session: SessionRecord, procedure: string, plan: Plan, timeoutMs = 0): CallRecord {
    const number = this.calls.length;
    const call = { ...this.now(), number, session, procedure, plan, timeoutMs, canceled: undefined, answers: [] };
    this.calls.push(call);
    return call;
  }

  canceled(call: CallRecord, mode: CancelMode): void {
    call.canceled = { ...this.now(), mode };
  }

  progressed(call: CallRecord, progress: number): void {
    call.answers.push({ ...this.now(), progress, progressCount: undefined, error: '' });
  }

  /** `progressCount`: of a RESULT, the number of earlier ones that the callee claims. */
  callEnded(call: CallRecord, error: string, progressCount?: number): void {
    call.answers.push({ ...this.now(), progress: undefined, progressCount, error });
  }

  invoked(session: SessionRecord, call: number, registration?: RegistrationRecord): InvocationRecord {
    const invocation = { ...this.now(), session, call, registration, answered: undefined, interrupted: undefined };
    session.invocations.push(invocation);
    this.invocations.push(invocation);
    return invocation;
  }

  invocationAnswered(invocation: InvocationRecord): void {
    invocation.answered ??= this.now();
  }

  interrupted(invocation: InvocationRecord): void {
    if (invocation.interrupted !== undefined)
      this.oddities.push(`CAN-1: ${invocation.session.member} was interrupted twice in call ${invocation.call}`);
    invocation.interrupted ??= this.now();
  }
}

/** The final answer, the first if there are several. */
export function endOf(call: CallRecord): AnswerRecord | undefined {
  return call.answers.find(({ progress }) => progress === undefined);
}

/** When it was given up, refused or lost with its session. */
export function endOfHolding(record: SubscriptionRecord | RegistrationRecord): Moment | undefined {
  const { session, until, from, refusals, asked } = record;
  const last = refusals.at(-1);
  return until ?? (from === undefined && last?.asked === asked ? last : session.ended);
}

/** Whether it is for this session, which is subscribed. */
export function admits({ session: publisher, audience }: PublicationRecord, session: SessionRecord): boolean {
  const { excludeMe, eligible, exclude } = audience;
  if (session === publisher && excludeMe) return false;
  return eligible?.has(session) !== false && exclude?.has(session) !== true;
}

export function matches(uri: string, pattern: string, match: MatchPolicy): boolean {
  if (match === 'exact') return uri === pattern;
  if (match === 'prefix') return uri.startsWith(pattern);
  const parts = uri.split('.');
  const wanted = pattern.split('.');
  return parts.length === wanted.length && wanted.every((part, index) => part === '' || part === parts[index]);
}
