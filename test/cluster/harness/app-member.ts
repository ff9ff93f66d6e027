import type { SerializerId } from '../../../src/wamp/payload.js';
import type { AppClient, AppInvocation, Payload } from '../../interop/clients/app-client.js';
import { AppError } from '../../interop/clients/app-client.js';
import { joinAutobahn } from '../../interop/clients/autobahn-client.js';
import { joinWampy } from '../../interop/clients/wampy-client.js';
import { APP_FAILED } from '../checker/judge-calls.js';
import { LEFT } from '../checker/judge.js';
import type { CallRecord, Journal, Plan, PublicationRecord, SessionRecord } from '../checker/journal.js';
import { comesBack, inTime, type CallOptions, type Entrance, type Member, type Order, type Role } from './member.js';

type Library = AppClient['kind']['library'];
const JOINS: Readonly<Record<Library, (url: string, serializer: SerializerId) => Promise<AppClient>>> = {
  autobahn: joinAutobahn,
  wampy: joinWampy,
};
const RETRY_MS = 100;

/** A member on one of the client libraries. They publish acknowledged, and do not tell when something was asked and is not answered. */
export class AppMember implements Member {
  readonly role: Role;
  readonly #library: Library;
  readonly #journal: Journal;
  readonly #entrance: Entrance;
  #client: AppClient | undefined;
  #record: SessionRecord | undefined;
  #isComplete = false;
  #isLeaving = false;
  #over: Promise<void> | undefined;

  constructor(library: Library, role: Role, journal: Journal, entrance: Entrance) {
    this.#library = library;
    this.role = role;
    this.#journal = journal;
    this.#entrance = entrance;
  }

  get session(): SessionRecord | undefined {
    return this.#isComplete && this.#record?.ended === undefined ? this.#record : undefined;
  }

  /** autobahn throws when it is asked for something without a session. */
  get #open(): { readonly client: AppClient; readonly record: SessionRecord } | undefined {
    const [client, record] = [this.#client, this.#record];
    return client?.isOpen() === true && record?.ended === undefined && record !== undefined
      ? { client, record }
      : undefined;
  }

  start(): void {
    this.#over ??= this.#live();
  }

  publish(topic: string): PublicationRecord | undefined {
    const { client, record } = this.#open ?? {};
    if (client === undefined || record === undefined) return undefined;
    const publication = this.#journal.published(record, topic, true);
    client.publish(topic, { args: [publication.number] }).then(
      () => this.#journal.publicationAnswered(publication, ''),
      (error: unknown) => {
        const uri = uriOf(error);
        if (record.ended === undefined && uri !== undefined) this.#journal.publicationAnswered(publication, uri);
      },
    );
    return publication;
  }

  call(procedure: string, plan: Plan, { timeoutMs = 0 }: CallOptions = {}): CallRecord | undefined {
    const { client, record } = this.#open ?? {};
    if (client === undefined || record === undefined) return undefined;
    const call = this.#journal.called(record, procedure, plan, timeoutMs);
    const options = {
      ...(plan.progressCount > 0 ? { receive_progress: true } : {}),
      ...(timeoutMs > 0 ? { timeout: timeoutMs } : {}),
    };
    const { result, progress } = client.call(procedure, { args: [{ call: call.number, ...plan }] }, options);
    const noteProgress = (): void => {
      for (const payload of progress) this.#journal.progressed(call, replyIn(payload).progress ?? -1);
    };
    result.then(
      (payload) => {
        noteProgress();
        this.#journal.callEnded(call, '', replyIn(payload).progressCount);
      },
      (error: unknown) => {
        const uri = uriOf(error);
        if (record.ended !== undefined || uri === undefined) return;
        noteProgress();
        this.#journal.callEnded(call, uri);
      },
    );
    return call;
  }

  async leave(): Promise<void> {
    this.#isLeaving = true;
    const [client, record] = [this.#client, this.#record];
    if (record?.ended === undefined && record !== undefined) {
      this.#journal.ended(record, LEFT);
      await client?.leave();
    }
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
    const record = this.#journal.opened(name, nodeAt);
    [this.#client, this.#record] = [client, record];
    const ended = client.ended.then((reason) => this.#journal.ended(record, reason));
    await Promise.race([this.#setUp(client, record), ended]);
    await ended;
    this.#isComplete = false;
  }

  async #setUp(client: AppClient, record: SessionRecord): Promise<void> {
    const { subscriptions = [], registrations = [] } = this.role;
    for (const [topic, match] of subscriptions) {
      const subscription = this.#journal.subscribing(record, topic, match);
      const handler = ({ args }: Payload): void => this.#journal.event(subscription, args[0] as number);
      await untilGranted(record, () => client.subscribe(topic, handler, match === 'exact' ? {} : { match }));
      this.#journal.granted(subscription);
    }
    for (const [procedure, options] of registrations) {
      const registration = this.#journal.registering(record, procedure);
      await untilGranted(record, () => client.register(procedure, (called) => this.#work(record, called), options));
      this.#journal.granted(registration);
    }
    this.#isComplete = true;
  }

  async #work(record: SessionRecord, { args, progress }: AppInvocation): Promise<Partial<Payload>> {
    const [{ call, delayMs, progressCount, reply }] = args as [Order];
    const invocation = this.#journal.invoked(record, call);
    for (let step = 0; step <= progressCount; step++) {
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      if (step < progressCount) progress({ args: [{ call, progress: step, progressCount }] });
    }
    this.#journal.invocationAnswered(invocation);
    if (reply === 'error') throw new AppError(APP_FAILED);
    return { args: [{ call, progressCount }] };
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

function replyIn({ args }: Payload): { progress?: number; progressCount: number } {
  return args[0] as { progress?: number; progressCount: number };
}

/** Undefined: no ERROR of the router. What is pending when its session ends the libraries fail by themselves. */
function uriOf(thrown: unknown): string | undefined {
  const { uri, errorUri, error } = thrown as Record<string, unknown>;
  return [uri, errorUri, error].find((text): text is string => typeof text === 'string' && /^(wamp|com)\./.test(text));
}
