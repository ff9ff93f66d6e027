import { Code } from '../../../src/wamp/codes.js';
import type { CancelMode, InvocationPolicy, MatchPolicy } from '../../../src/wamp/options.js';
import { closeText } from '../../interop/clients/app-client.js';
import type { Message, RawClient } from '../../support/raw-client.js';
import { DROPPED, LEFT } from '../checker/judge.js';
import type {
  Audience,
  CallRecord,
  Journal,
  Plan,
  PublicationRecord,
  RegistrationRecord,
  SessionRecord,
  SubscriptionRecord,
} from '../checker/journal.js';
import { Desk } from './desk.js';

export interface CallOptions {
  readonly timeoutMs?: number;
}

export interface PublishOptions {
  readonly audience?: Audience;
  /** Makes it heavy. */
  readonly ballast?: string;
}

export interface RegisterOptions {
  readonly match?: MatchPolicy;
  readonly invoke?: InvocationPolicy;
  readonly concurrency?: number;
  readonly force_reregister?: boolean;
}

const RETRY_MS = 100;

interface Asked<Held> {
  readonly code: typeof Code.SUBSCRIBE | typeof Code.REGISTER;
  readonly uri: string;
  readonly options: object;
  readonly record: Held;
  /** Asks again when it is refused. */
  readonly insists: boolean;
}

/** One session on a RawClient: sends what it is asked to, and notes all that comes. */
export class RawSession {
  readonly record: SessionRecord;
  readonly client: RawClient;
  readonly #journal: Journal;
  readonly #publications = new Map<number, PublicationRecord>();
  readonly #calls = new Map<number, CallRecord>();
  readonly #asked = new Map<number, Asked<SubscriptionRecord | RegistrationRecord>>();
  readonly #subscriptions = new Map<number, SubscriptionRecord>();
  readonly #registrations = new Map<number, RegistrationRecord>();
  readonly #undoing = new Map<
    number,
    { readonly id: number; readonly record: SubscriptionRecord | RegistrationRecord }
  >();
  readonly #desk: Desk;
  #missingCount = 0;
  isOpen = true;

  constructor(journal: Journal, client: RawClient, record: SessionRecord) {
    this.#journal = journal;
    this.client = client;
    this.record = record;
    this.#desk = new Desk(journal, record, (message) => client.send(message));
  }

  /** It has all it insists on. */
  get isComplete(): boolean {
    return this.isOpen && this.#missingCount === 0;
  }

  /** It can take a request. */
  get isUsable(): boolean {
    return this.isOpen && this.client.isOpen;
  }

  get subscriptions(): readonly SubscriptionRecord[] {
    return [...this.#subscriptions.values()].filter(({ until }) => until === undefined);
  }

  get registrations(): readonly RegistrationRecord[] {
    return [...this.#registrations.values()].filter(({ until }) => until === undefined);
  }

  /** It neither holds this nor has asked for it. */
  isFree(uri: string): boolean {
    const held = [
      ...[...this.#subscriptions.values()].map(({ topic }) => topic),
      ...[...this.#registrations.values()].map(({ procedure }) => procedure),
      ...[...this.#asked.values()].map((asked) => asked.uri),
    ];
    return !held.includes(uri);
  }

  /** Until the connection ends. */
  async run(): Promise<void> {
    const connection = { isClosed: false };
    void this.client.closed.then(({ code, reason }) => {
      connection.isClosed = true;
      this.#end(closeText(code, reason));
    });
    for (;;) {
      let message: Message;
      try {
        message = await this.client.receive();
      } catch {
        // It also gives up when nothing has come for some seconds.
        if (connection.isClosed) return;
        continue;
      }
      this.#receive(message);
    }
  }

  /** Ends it when all it asked for has been answered. */
  leave(): void {
    this.#end(LEFT);
    this.client.send([Code.GOODBYE, {}, 'wamp.close.normal']);
  }

  /** Ends it in the middle of what it does, with a word or without. */
  drop(hasWord: boolean): void {
    this.#end(DROPPED);
    if (hasWord) this.client.send([Code.GOODBYE, {}, 'wamp.close.normal']);
    else this.client.drop();
  }

  subscribe(topic: string, match: MatchPolicy, insists = false): SubscriptionRecord {
    const record = this.#journal.subscribing(this.record, topic, match);
    this.#ask({ code: Code.SUBSCRIBE, uri: topic, options: { match }, record, insists });
    return record;
  }

  register(procedure: string, options: RegisterOptions, insists = false): RegistrationRecord {
    const { match = 'exact', invoke = 'single', concurrency = 0 } = options;
    const record = this.#journal.registering(this.record, procedure, { match, invoke, concurrency });
    this.#ask({ code: Code.REGISTER, uri: procedure, options, record, insists });
    return record;
  }

  unsubscribe(record: SubscriptionRecord): void {
    this.#undo(Code.UNSUBSCRIBE, this.#subscriptions, record);
  }

  unregister(record: RegistrationRecord): void {
    this.#undo(Code.UNREGISTER, this.#registrations, record);
  }

  publish(topic: string, acknowledge: boolean, { audience, ballast = '' }: PublishOptions = {}): PublicationRecord {
    const publication = this.#journal.published(this.record, topic, acknowledge, audience);
    const options = { ...(acknowledge ? { acknowledge } : {}), ...listsOf(audience) };
    this.#publications.set(this.client.publish(topic, [publication.number, ballast], options), publication);
    return publication;
  }

  call(procedure: string, plan: Plan, { timeoutMs = 0 }: CallOptions = {}): CallRecord {
    const call = this.#journal.called(this.record, procedure, plan, timeoutMs);
    const options = {
      ...(plan.progressCount > 0 ? { receive_progress: true } : {}),
      ...(timeoutMs > 0 ? { timeout: timeoutMs } : {}),
    };
    this.#calls.set(this.client.call(procedure, [{ call: call.number, ...plan }], options), call);
    return call;
  }

  cancel(call: CallRecord, mode: CancelMode): void {
    for (const [request, one] of this.#calls) {
      if (one !== call) continue;
      this.#journal.canceled(call, mode);
      this.client.send([Code.CANCEL, request, { mode }]);
    }
  }

  #ask(asked: Asked<SubscriptionRecord | RegistrationRecord>): void {
    if (asked.insists) this.#missingCount++;
    this.#asked.set(this.client.request(asked.code, asked.options, asked.uri), asked);
  }

  #undo<Record extends SubscriptionRecord | RegistrationRecord>(
    code: typeof Code.UNSUBSCRIBE | typeof Code.UNREGISTER,
    held: ReadonlyMap<number, Record>,
    record: Record,
  ): void {
    for (const [id, one] of held) {
      if (one !== record || record.until !== undefined) continue;
      this.#journal.givenUp(record);
      this.#undoing.set(this.client.request(code, id), { id, record });
    }
  }

  #end(reason: string): void {
    this.#journal.ended(this.record, reason);
    this.isOpen = false;
    this.#desk.close();
  }

  #receive(message: Message): void {
    const [code, request, third, fourth] = message;
    switch (code) {
      case Code.EVENT:
        this.#event(request as number, message[4]);
        break;
      case Code.PUBLISHED:
        this.#published(request as number, '');
        break;
      case Code.SUBSCRIBED:
      case Code.REGISTERED:
        this.#granted(request as number, third as number);
        break;
      case Code.UNSUBSCRIBED:
      case Code.UNREGISTERED:
        this.#undone(request as number, third);
        break;
      case Code.INVOCATION:
        this.#desk.invoked(request as number, this.#registrations.get(third as number), message[4]);
        break;
      case Code.INTERRUPT:
        this.#desk.interrupted(request as number);
        break;
      case Code.RESULT:
        this.#result(request as number, third as Record<string, unknown>, fourth);
        break;
      case Code.ERROR:
        this.#error(request as number, third as number, message[4] as string);
        break;
      case Code.GOODBYE:
        if (this.isOpen) this.client.send([Code.GOODBYE, {}, 'wamp.close.goodbye_and_out']);
        this.#end(third as string);
        void this.client.close();
        break;
      default:
        this.#odd('PV-1', `got ${JSON.stringify(message)}`);
    }
  }

  #odd(rule: string, what: string): void {
    this.#journal.oddities.push(`${rule}: ${this.record.member} ${what}`);
  }

  #granted(request: number, id: number): void {
    const asked = this.#asked.get(request);
    if (!this.#asked.delete(request) || asked === undefined) {
      this.#odd('BRK-1', `got an answer to request ${request}, which is none`);
      return;
    }
    if (asked.insists) this.#missingCount--;
    if (asked.code === Code.SUBSCRIBE) this.#subscriptions.set(id, asked.record as SubscriptionRecord);
    else this.#registrations.set(id, asked.record as RegistrationRecord);
    this.#journal.granted(asked.record);
  }

  /** Request 0: a registration was taken away. */
  #undone(request: number, details: unknown): void {
    if (request === 0) {
      const { registration } = details as { registration: number };
      const record = this.#registrations.get(registration);
      if (record === undefined) this.#odd('REV-1', `lost registration ${registration}, which it does not hold`);
      else this.#journal.givenUp(record);
      this.#registrations.delete(registration);
      return;
    }
    const undoing = this.#undoing.get(request);
    if (!this.#undoing.delete(request) || undoing === undefined) {
      this.#odd('BRK-1', `got an answer to request ${request}, which is none`);
      return;
    }
    const { id, record } = undoing;
    if (this.#subscriptions.get(id) === record) this.#subscriptions.delete(id);
    if (this.#registrations.get(id) === record) this.#registrations.delete(id);
  }

  #event(id: number, args: unknown): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) this.#odd('ORD-2', `got an event for subscription ${id}, which it does not hold`);
    else this.#journal.event(subscription, (args as [number])[0]);
  }

  #published(request: number, error: string): void {
    const publication = this.#publications.get(request);
    if (publication === undefined) this.#odd('BRK-6', `got an answer to PUBLISH ${request}, which it did not make`);
    else this.#journal.publicationAnswered(publication, error);
  }

  #error(type: number, request: number, error: string): void {
    if (type === Code.CALL) this.#ended(request, error);
    else if (type === Code.PUBLISH) this.#published(request, error);
    else if (type === Code.UNSUBSCRIBE || type === Code.UNREGISTER) this.#undone(request, undefined);
    else this.#refused(request, error);
  }

  /** What a session wants and cannot have now it asks for again. */
  #refused(request: number, error: string): void {
    const asked = this.#asked.get(request);
    if (!this.#asked.delete(request) || asked === undefined) return;
    this.#journal.refused(asked.record, error);
    if (!asked.insists) return;
    setTimeout(() => {
      if (!this.isUsable) return;
      this.#missingCount--;
      this.#journal.askedAgain(asked.record);
      this.#ask(asked);
    }, RETRY_MS);
  }

  #result(request: number, details: Record<string, unknown>, args: unknown): void {
    const [result] = (args ?? []) as [{ call: number; progress?: number; progressCount: number }];
    const call = this.#calls.get(request);
    if (call === undefined || result.call !== call.number)
      this.#odd('DLR-8', `got a RESULT of call ${result.call} for request ${request}`);
    else if (details['progress'] === true) this.#journal.progressed(call, result.progress ?? -1);
    else this.#journal.callEnded(call, '', result.progressCount);
  }

  #ended(request: number, error: string): void {
    const call = this.#calls.get(request);
    if (call === undefined) this.#odd('DLR-8', `got an ERROR for request ${request}, which is no call`);
    else this.#journal.callEnded(call, error);
  }
}

function listsOf(audience: Audience | undefined): object {
  if (audience === undefined) return {};
  const { excludeMe, eligible, exclude } = audience;
  const ids = (sessions: ReadonlySet<SessionRecord>): number[] => [...sessions].map(({ id }) => id);
  return {
    ...(excludeMe ? {} : { exclude_me: false }),
    ...(eligible === undefined ? {} : { eligible: ids(eligible) }),
    ...(exclude === undefined ? {} : { exclude: ids(exclude) }),
  };
}
