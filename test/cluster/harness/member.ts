import type { CancelMode, MatchPolicy } from '../../../src/wamp/options.js';
import type { SerializerId } from '../../../src/wamp/payload.js';
import { ALL_ROLES, RawClient, rolesWithout } from '../../support/raw-client.js';
import type { CallRecord, Journal, Plan, PublicationRecord, SessionRecord } from '../checker/journal.js';
import { RawSession, type CallOptions, type PublishOptions, type RegisterOptions } from './raw-session.js';

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
  readonly realm?: string;
  readonly serializer?: SerializerId;
  readonly subscriptions?: readonly (readonly [topic: string, match: MatchPolicy])[];
  readonly registrations?: readonly (readonly [procedure: string, options: RegisterOptions])[];
  /** False: it does not announce `call_canceling`. */
  readonly canBeInterrupted?: boolean;
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

const RECONNECT_MS = 20;
const CONNECT_MS = 10_000;

/** A member that sends raw WAMP messages. */
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

  /** The present session if it can take a request, complete or not. */
  get current(): RawSession | undefined {
    return this.#current?.isUsable === true ? this.#current : undefined;
  }

  publish(topic: string, acknowledge: boolean, options: PublishOptions = {}): PublicationRecord | undefined {
    return this.current?.publish(topic, acknowledge, options);
  }

  call(procedure: string, plan: Plan, options: CallOptions = {}): CallRecord | undefined {
    return this.current?.call(procedure, plan, options);
  }

  cancel(call: CallRecord, mode: CancelMode): void {
    const { current } = this;
    if (current?.record === call.session) current.cancel(call, mode);
  }

  async leave(): Promise<void> {
    this.#isLeaving = true;
    if (this.#current?.isOpen === true) this.#current.leave();
    await this.#over;
  }

  async #live(): Promise<void> {
    do {
      try {
        const joined = await this.#join();
        this.#current = joined;
        if (this.#isLeaving) joined.leave();
        await joined.run();
      } catch {
        // Nobody takes clients there now.
      }
    } while (await comesBack(() => !this.#isLeaving));
  }

  async #join(): Promise<RawSession> {
    const { name, home, realm = 'realm1', serializer = 'json', canBeInterrupted = true } = this.role;
    const { subscriptions, registrations } = this.role;
    const { url, nodeAt } = this.#entrance.doorFor(home);
    const client = await inTime(RawClient.connect(url, { serializer }));
    try {
      await client.hello({ realm, roles: canBeInterrupted ? ALL_ROLES : rolesWithout('call_canceling') });
    } catch (error) {
      client.drop();
      throw error;
    }
    const record = this.#journal.opened(name, nodeAt, client.session, canBeInterrupted);
    const session = new RawSession(this.#journal, client, record);
    for (const [topic, match] of subscriptions ?? []) session.subscribe(topic, match, true);
    for (const [procedure, options] of registrations ?? []) session.register(procedure, options, true);
    return session;
  }
}

/** After a moment, if it still wants to. */
export async function comesBack(wants: () => boolean): Promise<boolean> {
  if (wants()) await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
  return wants();
}

/** A router that is frozen accepts connections and sends nothing. */
export async function inTime<T>(joining: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('nobody answers')), CONNECT_MS);
  });
  return Promise.race([joining, late]).finally(() => clearTimeout(timer));
}
