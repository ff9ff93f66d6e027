import type { Session } from 'autobahn';
import type { Wampy } from 'wampy';
import { Code } from '../../../src/wamp/codes.js';
import type { AppInvocation, Payload } from '../../interop/clients/app-client.js';
import { autobahnConnection, AutobahnClient, lastClosing } from '../../interop/clients/autobahn-client.js';
import { WampyClient, watchedWampy } from '../../interop/clients/wampy-client.js';
import type { Journal, SessionRecord, SubscriptionRecord } from '../checker/journal.js';
import { Gate } from './gate.js';
import { LibraryMember } from './library-member.js';
import type { Entrance, Role } from './member.js';

const NEVER = new Promise<never>(() => undefined);

/** On a library as an application uses it: its own reconnection, with its default settings, through one address. */
abstract class StockMember extends LibraryMember {
  readonly #gate: Gate;

  constructor(role: Role, journal: Journal, entrance: Entrance) {
    super(role, journal);
    this.#gate = new Gate(entrance, role.home);
  }

  start(): void {
    void this.#gate.open().then((url) => this.connect(url));
  }

  override async leave(): Promise<void> {
    await super.leave();
    this.#gate.close();
  }

  protected abstract connect(url: string): void;

  /** A session has begun. */
  protected joined(): SessionRecord {
    const { nodeAt } = this.#gate.door;
    this.record = this.journal.opened(this.role.name, nodeAt);
    this.isComplete = false;
    return this.record;
  }

  protected ended(reason: string): void {
    if (this.record !== undefined) this.journal.ended(this.record, reason);
    this.isComplete = false;
  }

  protected handler(subscription: () => SubscriptionRecord): (payload: Payload) => void {
    return ({ args }) => this.journal.event(subscription(), args[0] as number);
  }
}

/** Asks for what it wants anew whenever a session opens, as autobahn-js wants it. */
export class StockAutobahn extends StockMember {
  #end: (reason: string) => void = () => undefined;

  protected connect(url: string): void {
    const connection = autobahnConnection(url, 'json');
    connection.onopen = (session) => void this.#setUp(connection, session);
    connection.onclose = (how, { reason }) => {
      const ending = reason ?? lastClosing(url) ?? how;
      this.ended(ending);
      this.#end(ending);
      return false;
    };
    connection.open();
  }

  async #setUp(connection: ReturnType<typeof autobahnConnection>, session: Session): Promise<void> {
    const ended = new Promise<string>((end) => (this.#end = end));
    const client = new AutobahnClient({ library: 'autobahn', serializer: 'json' }, connection, session, ended);
    const record = this.joined();
    this.client = client;
    const { subscriptions, registrations } = this.wanted(record);
    try {
      for (const subscription of subscriptions) {
        const { topic, match } = subscription;
        this.journal.askedAgain(subscription);
        await client.subscribe(
          topic,
          this.handler(() => subscription),
          { match },
        );
        this.journal.granted(subscription);
      }
      for (const registration of registrations) {
        this.journal.askedAgain(registration);
        await client.register(registration.procedure, (called) => this.work(record, called));
        this.journal.granted(registration);
      }
      this.isComplete = record.ended === undefined;
    } catch {
      // The session has ended meanwhile, or lacks what it wants: the test sees that it is not complete.
    }
  }
}

/** Asks once: wampy asks again for what it had, by itself. Each answer is seen as it comes in. */
export class StockWampy extends StockMember {
  #wanted: ReturnType<LibraryMember['wanted']> | undefined;
  readonly #counts = { subscriptions: 0, registrations: 0 };

  protected connect(url: string): void {
    const onMessage = ([code]: readonly unknown[]): void => {
      if (code === Code.WELCOME) this.#begin(() => this.#hold(library));
      else if (code === Code.SUBSCRIBED) this.#granted('subscriptions');
      else if (code === Code.REGISTERED) this.#granted('registrations');
    };
    const library = watchedWampy(url, 'json', { onMessage, onEnd: (reason) => this.ended(reason) });
    void this.#setUp(library);
  }

  async #setUp(library: Wampy): Promise<void> {
    await library.connect();
    const { subscriptions = [], registrations = [] } = this.role;
    const client = this.#hold(library);
    for (const [index, [topic, match]] of subscriptions.entries())
      await client.subscribe(
        topic,
        this.handler(() => this.#wanted!.subscriptions[index]!),
        match === 'exact' ? {} : { match },
      );
    for (const [procedure] of registrations)
      await client.register(procedure, (called: AppInvocation) => this.work(this.record!, called));
  }

  #begin(hold: () => void): void {
    this.#wanted = this.wanted(this.joined());
    Object.assign(this.#counts, { subscriptions: 0, registrations: 0 });
    // wampy knows its session id when it has handled WELCOME.
    queueMicrotask(hold);
  }

  #hold(library: Wampy): WampyClient {
    const client = new WampyClient({ library: 'wampy', serializer: 'json' }, library, NEVER);
    this.client = client;
    return client;
  }

  /** It asks for subscriptions one after the other, and beside them for registrations. */
  #granted(kind: 'subscriptions' | 'registrations'): void {
    const counts = this.#counts;
    const next = this.#wanted![kind][counts[kind]++];
    if (next === undefined) return;
    // The library asks when it sees fit.
    this.journal.askedAgain(next);
    this.journal.granted(next);
    const { subscriptions, registrations } = this.#wanted!;
    this.isComplete = counts.subscriptions === subscriptions.length && counts.registrations === registrations.length;
  }
}
