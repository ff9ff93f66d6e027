import type { AppClient, AppInvocation, Payload } from '../../interop/clients/app-client.js';
import { AppError } from '../../interop/clients/app-client.js';
import { APP_FAILED } from '../checker/judge-calls.js';
import { LEFT } from '../checker/judge.js';
import type {
  CallRecord,
  Journal,
  Plan,
  PublicationRecord,
  RegistrationRecord,
  SessionRecord,
  SubscriptionRecord,
} from '../checker/journal.js';
import type { Order } from './desk.js';
import type { Member, Role } from './member.js';
import type { CallOptions } from './raw-session.js';

/** A member on one of the client libraries. They publish acknowledged, and do not expose requests that have no answer yet. */
export abstract class LibraryMember implements Member {
  readonly role: Role;
  protected readonly journal: Journal;
  protected client: AppClient | undefined;
  protected record: SessionRecord | undefined;
  protected isComplete = false;

  protected constructor(role: Role, journal: Journal) {
    this.role = role;
    this.journal = journal;
  }

  get session(): SessionRecord | undefined {
    return this.isComplete && this.record?.ended === undefined ? this.record : undefined;
  }

  /** autobahn throws when it is asked for something without a session. */
  get #open(): { readonly client: AppClient; readonly record: SessionRecord } | undefined {
    const { client, record } = this;
    return client?.isOpen() === true && record?.ended === undefined && record !== undefined
      ? { client, record }
      : undefined;
  }

  abstract start(): void;

  publish(topic: string): PublicationRecord | undefined {
    const { client, record } = this.#open ?? {};
    if (client === undefined || record === undefined) return undefined;
    const publication = this.journal.published(record, topic, true);
    client.publish(topic, { args: [publication.number] }).then(
      () => this.journal.publicationAnswered(publication, ''),
      (error: unknown) => {
        const uri = uriOf(error);
        if (record.ended === undefined && uri !== undefined) this.journal.publicationAnswered(publication, uri);
      },
    );
    return publication;
  }

  call(procedure: string, plan: Plan, { timeoutMs = 0 }: CallOptions = {}): CallRecord | undefined {
    const { client, record } = this.#open ?? {};
    if (client === undefined || record === undefined) return undefined;
    const call = this.journal.called(record, procedure, plan, timeoutMs);
    const options = {
      ...(plan.progressCount > 0 ? { receive_progress: true } : {}),
      ...(timeoutMs > 0 ? { timeout: timeoutMs } : {}),
    };
    const { result, progress } = client.call(procedure, { args: [{ call: call.number, ...plan }] }, options);
    const noteProgress = (): void => {
      for (const payload of progress) this.journal.progressed(call, replyIn(payload).progress ?? -1);
    };
    result.then(
      (payload) => {
        noteProgress();
        this.journal.callEnded(call, '', replyIn(payload).progressCount);
      },
      (error: unknown) => {
        const uri = uriOf(error);
        if (record.ended !== undefined || uri === undefined) return;
        noteProgress();
        this.journal.callEnded(call, uri);
      },
    );
    return call;
  }

  async leave(): Promise<void> {
    const { client, record } = this;
    if (record?.ended !== undefined || record === undefined) return;
    this.journal.ended(record, LEFT);
    await client?.leave();
  }

  /** What the role wants of a session, as the journal knows it. */
  protected wanted(record: SessionRecord): {
    readonly subscriptions: readonly SubscriptionRecord[];
    readonly registrations: readonly RegistrationRecord[];
  } {
    const { subscriptions = [], registrations = [] } = this.role;
    return {
      subscriptions: subscriptions.map(([topic, match]) => this.journal.subscribing(record, topic, match)),
      registrations: registrations.map(([procedure]) => this.journal.registering(record, procedure)),
    };
  }

  protected async work(record: SessionRecord, { args, progress }: AppInvocation): Promise<Partial<Payload>> {
    const [{ call, delayMs, progressCount, reply }] = args as [Order];
    const invocation = this.journal.invoked(record, call);
    for (let step = 0; step <= progressCount; step++) {
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      if (step < progressCount) progress({ args: [{ call, progress: step, progressCount }] });
    }
    this.journal.invocationAnswered(invocation);
    if (reply === 'error') throw new AppError(APP_FAILED);
    return { args: [{ call, progressCount }] };
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
