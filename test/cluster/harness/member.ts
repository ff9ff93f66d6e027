import { Code } from '../../../src/wamp/codes.js';
import type { MatchPolicy } from '../../../src/wamp/options.js';
import type { SerializerId } from '../../../src/wamp/payload.js';
import { closeText } from '../../interop/clients/app-client.js';
import { RawClient, type Message } from '../../support/raw-client.js';
import { APP_FAILED, APP_INTERRUPTED } from '../checker/judge-calls.js';
import { LEFT } from '../checker/judge.js';
import type {
  CallRecord,
  InvocationRecord,
  Journal,
  Plan,
  PublicationRecord,
  RegistrationRecord,
  SessionRecord,
  SubscriptionRecord,
} from '../checker/journal.js';

export interface Door {
  readonly url: string;
  /** NodeId of the router behind it at that time. */
  readonly nodeAt: (ms: number) => string;
}

/** Where clients find a router, as a load balancer would choose it. */
export interface Entrance {
  /** The router at home there if it takes clients, else another one. */
  doorFor(home: number): Door;
}

export interface Role {
  readonly name: string;
  readonly home: number;
  readonly serializer?: SerializerId;
  readonly subscriptions?: readonly (readonly [topic: string, match: MatchPolicy])[];
  readonly registrations?: readonly (readonly [procedure: string, options: object])[];
}

/** What a member sends and a callee of the workload understands. */
export interface Order extends Plan {
  readonly call: number;
}

/** A client that comes back when its session ends, as the libraries do, and notes all it sees. */
export interface Member {
  readonly role: Role;
  /** The present session; undefined: none, or not all it wants has been granted. */
  readonly session: SessionRecord | undefined;
  start(): void;
  /** False: there is no session to publish in. */
  publish(topic: string, acknowledge: boolean): PublicationRecord | undefined;
  call(procedure: string, plan: Plan, options?: CallOptions): CallRecord | undefined;
  /** Ends its session and does not come back. */
  leave(): Promise<void>;
}

export interface CallOptions {
  readonly timeoutMs?: number;
}

const RECONNECT_MS = 20;
const CONNECT_MS = 10_000;
const RETRY_MS = 100;

interface Wanted<Held> {
  readonly code: typeof Code.SUBSCRIBE | typeof Code.REGISTER;
  readonly uri: string;
  readonly options: object;
  readonly record: Held;
}

/** One session of a member on a RawClient. */
class RawSession {
  readonly record: SessionRecord;
  readonly client: RawClient;
  readonly publications = new Map<number, PublicationRecord>();
  readonly calls = new Map<number, CallRecord>();
  readonly #journal: Journal;
  readonly #asked = new Map<number, Wanted<SubscriptionRecord | RegistrationRecord>>();
  readonly #subscriptions = new Map<number, SubscriptionRecord>();
  readonly #registrations = new Map<number, RegistrationRecord>();
  readonly #work = new Map<number, { readonly invocation: InvocationRecord; stop: () => void }>();
  #wantedCount = 0;
  isOpen = true;

  constructor(journal: Journal, client: RawClient, record: SessionRecord, { subscriptions, registrations }: Role) {
    this.#journal = journal;
    this.client = client;
    this.record = record;
    for (const [topic, match] of subscriptions ?? []) {
      const subscription = journal.subscribing(record, topic, match);
      this.#want({ code: Code.SUBSCRIBE, uri: topic, options: { match }, record: subscription });
    }
    for (const [procedure, options] of registrations ?? []) {
      const registration = journal.registering(record, procedure);
      this.#want({ code: Code.REGISTER, uri: procedure, options, record: registration });
    }
  }

  get isComplete(): boolean {
    return this.isOpen && this.#subscriptions.size + this.#registrations.size === this.#wantedCount;
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

  leave(): void {
    this.#end(LEFT);
    this.client.send([Code.GOODBYE, {}, 'wamp.close.normal']);
  }

  #want(wanted: Wanted<SubscriptionRecord | RegistrationRecord>): void {
    this.#wantedCount++;
    this.#ask(wanted);
  }

  #ask(wanted: Wanted<SubscriptionRecord | RegistrationRecord>): void {
    this.#asked.set(this.client.request(wanted.code, wanted.options, wanted.uri), wanted);
  }

  #end(reason: string): void {
    this.#journal.ended(this.record, reason);
    this.isOpen = false;
    for (const { stop } of this.#work.values()) stop();
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
      case Code.INVOCATION:
        this.#invoked(request as number, message[4]);
        break;
      case Code.INTERRUPT:
        this.#interrupted(request as number);
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
    const wanted = this.#asked.get(request);
    if (!this.#asked.delete(request) || wanted === undefined) {
      this.#odd('BRK-1', `got an answer to request ${request}, which is none`);
      return;
    }
    if (wanted.code === Code.SUBSCRIBE) this.#subscriptions.set(id, wanted.record as SubscriptionRecord);
    else this.#registrations.set(id, wanted.record as RegistrationRecord);
    this.#journal.granted(wanted.record);
  }

  #event(id: number, args: unknown): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) this.#odd('ORD-2', `got an event for subscription ${id} before SUBSCRIBED`);
    else this.#journal.event(subscription, (args as [number])[0]);
  }

  #published(request: number, error: string): void {
    const publication = this.publications.get(request);
    if (publication === undefined) this.#odd('BRK-6', `got an answer to PUBLISH ${request}, which it did not make`);
    else this.#journal.publicationAnswered(publication, error);
  }

  #error(type: number, request: number, error: string): void {
    if (type === Code.CALL) this.#ended(request, error);
    else if (type === Code.PUBLISH) this.#published(request, error);
    else this.#askAgain(request);
  }

  /** What a session wants and cannot have now it asks for again. */
  #askAgain(request: number): void {
    const wanted = this.#asked.get(request);
    if (!this.#asked.delete(request) || wanted === undefined) return;
    setTimeout(() => this.isOpen && this.#ask(wanted), RETRY_MS);
  }

  #result(request: number, details: Record<string, unknown>, args: unknown): void {
    const [said] = (args ?? []) as [{ call: number; progress?: number; progressCount: number }];
    const call = this.calls.get(request);
    if (call === undefined || said.call !== call.number)
      this.#odd('DLR-8', `got a RESULT of call ${said.call} for request ${request}`);
    else if (details['progress'] === true) this.#journal.progressed(call, said.progress ?? -1);
    else this.#journal.callEnded(call, '', said.progressCount);
  }

  #ended(request: number, error: string): void {
    const call = this.calls.get(request);
    if (call === undefined) this.#odd('DLR-8', `got an ERROR for request ${request}, which is no call`);
    else this.#journal.callEnded(call, error);
  }

  #invoked(request: number, args: unknown): void {
    const [order] = args as [Order];
    const invocation = this.#journal.invoked(this.record, order.call);
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      clearTimeout(timer);
      this.#work.delete(request);
    };
    this.#work.set(request, { invocation, stop });
    let progress = 0;
    const step = (): void => {
      const { call, progressCount, reply } = order;
      if (progress < progressCount) {
        this.client.send([Code.YIELD, request, { progress: true }, [{ call, progress: progress++, progressCount }]]);
        timer = setTimeout(step, order.delayMs);
      } else if (reply !== 'silence') {
        this.#journal.invocationAnswered(invocation);
        stop();
        if (reply === 'error') this.client.send([Code.ERROR, Code.INVOCATION, request, {}, APP_FAILED]);
        else this.client.send([Code.YIELD, request, {}, [{ call, progressCount }]]);
      }
    };
    if (order.delayMs === 0) step();
    else timer = setTimeout(step, order.delayMs);
  }

  #interrupted(request: number): void {
    const work = this.#work.get(request);
    // It may have answered meanwhile (CAN-7).
    if (work === undefined) return;
    this.#journal.interrupted(work.invocation);
    work.stop();
    this.client.send([Code.ERROR, Code.INVOCATION, request, {}, APP_INTERRUPTED]);
  }
}

/** A member that speaks raw WAMP. */
export class RawMember implements Member {
  readonly role: Role;
  readonly #journal: Journal;
  readonly #entrance: Entrance;
  #current: RawSession | undefined;
  #isLeaving = false;
  #over: Promise<void> | undefined;

  constructor(role: Role, journal: Journal, entrance: Entrance) {
    this.role = role;
    this.#journal = journal;
    this.#entrance = entrance;
  }

  get session(): SessionRecord | undefined {
    return this.#current?.isComplete === true ? this.#current.record : undefined;
  }

  start(): void {
    this.#over ??= this.#live();
  }

  /** `ballast` makes it heavy. */
  publish(topic: string, acknowledge: boolean, ballast = ''): PublicationRecord | undefined {
    const current = this.#current;
    if (current?.isOpen !== true || !current.client.isOpen) return undefined;
    const publication = this.#journal.published(current.record, topic, acknowledge);
    const request = current.client.publish(topic, [publication.number, ballast], acknowledge ? { acknowledge } : {});
    current.publications.set(request, publication);
    return publication;
  }

  call(procedure: string, plan: Plan, { timeoutMs = 0 }: CallOptions = {}): CallRecord | undefined {
    const current = this.#current;
    if (current?.isOpen !== true || !current.client.isOpen) return undefined;
    const call = this.#journal.called(current.record, procedure, plan, timeoutMs);
    const options = {
      ...(plan.progressCount > 0 ? { receive_progress: true } : {}),
      ...(timeoutMs > 0 ? { timeout: timeoutMs } : {}),
    };
    current.calls.set(current.client.call(procedure, [{ call: call.number, ...plan }], options), call);
    return call;
  }

  cancel(call: CallRecord, mode: 'kill' | 'killnowait'): void {
    const current = this.#current;
    if (current?.isOpen !== true || current.record !== call.session) return;
    for (const [request, one] of current.calls) {
      if (one !== call) continue;
      this.#journal.canceled(call, mode);
      current.client.send([Code.CANCEL, request, { mode }]);
    }
  }

  async leave(): Promise<void> {
    this.#isLeaving = true;
    const current = this.#current;
    if (current?.isOpen === true) current.leave();
    await this.#over;
  }

  async #live(): Promise<void> {
    do {
      try {
        this.#current = await this.#join();
        await this.#current.run();
      } catch {
        // Nobody takes clients there now.
      }
    } while (await comesBack(() => !this.#isLeaving));
  }

  async #join(): Promise<RawSession> {
    const { name, home, serializer = 'json' } = this.role;
    const { url, nodeAt } = this.#entrance.doorFor(home);
    const client = await inTime(RawClient.connect(url, { serializer }));
    try {
      await client.hello();
    } catch (error) {
      client.drop();
      throw error;
    }
    return new RawSession(this.#journal, client, this.#journal.opened(name, nodeAt), this.role);
  }
}

/** After a moment, if it still wants to. */
export async function comesBack(wants: () => boolean): Promise<boolean> {
  if (wants()) await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
  return wants();
}

/** A router that is frozen lets one connect and says nothing. */
export async function inTime<T>(joining: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('nobody answers')), CONNECT_MS);
  });
  return Promise.race([joining, late]).finally(() => clearTimeout(timer));
}
