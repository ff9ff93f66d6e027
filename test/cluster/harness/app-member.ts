import type { SerializerId } from '../../../src/wamp/payload.js';
import type { AppClient, Payload } from '../../interop/clients/app-client.js';
import { joinAutobahn } from '../../interop/clients/autobahn-client.js';
import { joinWampy } from '../../interop/clients/wampy-client.js';
import type { Journal, SessionRecord } from '../checker/journal.js';
import { LibraryMember } from './library-member.js';
import { comesBack, inTime, type Entrance, type Role } from './member.js';

type Library = AppClient['kind']['library'];
const JOINS: Readonly<Record<Library, (url: string, serializer: SerializerId) => Promise<AppClient>>> = {
  autobahn: joinAutobahn,
  wampy: joinWampy,
};
const RETRY_MS = 100;

/** On a client library whose own reconnection is off: comes back at once, wherever the entrance leads. */
export class AppMember extends LibraryMember {
  readonly #library: Library;
  readonly #entrance: Entrance;
  #isLeaving = false;
  #over: Promise<void> | undefined;

  constructor(library: Library, role: Role, journal: Journal, entrance: Entrance) {
    super(role, journal);
    this.#library = library;
    this.#entrance = entrance;
  }

  start(): void {
    this.#over ??= this.#live();
  }

  override async leave(): Promise<void> {
    this.#isLeaving = true;
    await super.leave();
    await this.#over;
  }

  async #live(): Promise<void> {
    do {
      try {
        await this.#session();
      } catch {
        // Nobody takes clients there now.
      }
    } while (await comesBack(() => !this.#isLeaving));
  }

  async #session(): Promise<void> {
    const { name, home, serializer = 'json' } = this.role;
    const { url, nodeAt } = this.#entrance.doorFor(home);
    const client = await inTime(JOINS[this.#library](url, serializer));
    const record = this.journal.opened(name, nodeAt);
    [this.client, this.record] = [client, record];
    const ended = client.ended.then((reason) => this.journal.ended(record, reason));
    await Promise.race([this.#setUp(client, record), ended]);
    await ended;
    this.isComplete = false;
  }

  async #setUp(client: AppClient, record: SessionRecord): Promise<void> {
    const { registrations: offered = [] } = this.role;
    const { subscriptions, registrations } = this.wanted(record);
    for (const subscription of subscriptions) {
      const { topic, match } = subscription;
      const handler = ({ args }: Payload): void => this.journal.event(subscription, args[0] as number);
      await untilGranted(record, () => {
        this.journal.askedAgain(subscription);
        return client.subscribe(topic, handler, match === 'exact' ? {} : { match });
      });
      this.journal.granted(subscription);
    }
    for (const [index, registration] of registrations.entries()) {
      const { procedure } = registration;
      const options = offered[index]?.[1] ?? {};
      await untilGranted(record, () => {
        this.journal.askedAgain(registration);
        return client.register(procedure, (called) => this.work(record, called), options);
      });
      this.journal.granted(registration);
    }
    this.isComplete = true;
  }
}

async function untilGranted(record: SessionRecord, ask: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (record.ended !== undefined) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
