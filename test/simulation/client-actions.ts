import { Code } from '../../src/wamp/codes.js';
import type { AudienceLists, CancelMode } from '../../src/wamp/options.js';
import type { Client } from './client.js';
import type { CallRecord, Journal, PublicationRecord } from './journal.js';
import { Note } from './note.js';
import {
  pick,
  PROCEDURES,
  REGISTRATIONS,
  SUBSCRIPTIONS,
  TOPICS,
  type AudienceChoice,
  type Pattern,
  type StepOf,
} from './schedule.js';
import type { VirtualTime } from './virtual-time.js';

const CONTINUATION_PAUSE_MS = 3;

/** The roles of the clients, by turns. */
export const ROLES = ['red', 'blue'];

export interface ActionWorld {
  readonly journal: Journal;
  readonly time: VirtualTime;
  readonly clients: readonly Client[];
}

/** Performs the steps of a schedule that clients take, and records them in the journal. */
export class ClientActions {
  readonly #world: ActionWorld;

  constructor(world: ActionWorld) {
    this.#world = world;
  }

  subscribe({ client: index, topic }: StepOf<'subscribe'>): void {
    const client = this.#openClient(index);
    client?.submit(() => this.#subscribe(client, SUBSCRIPTIONS[topic]!));
  }

  #subscribe(client: Client, pattern: Pattern): Promise<void> | undefined {
    const request = client.nextRequest();
    const [topic, match] = pattern;
    const wantsRetained = client.node.hasMetaApi && !client.isSubscribed(topic, match);
    const { at } = this.#world.journal;
    client.asked.set(request, { kind: 'subscribe', pattern, at, invoke: '', concurrency: 0, wantsRetained });
    const options = { match, ...(wantsRetained && { getRetained: true as const }) };
    return client.node.realm.route(client, [Code.SUBSCRIBE, request, options, topic], false);
  }

  unsubscribe({ client: index, which }: StepOf<'unsubscribe'>): void {
    const client = this.#openClient(index);
    client?.submit(() => this.#unsubscribe(client, which));
  }

  #unsubscribe(client: Client, which: number): Promise<void> | undefined {
    const subscription = pick([...client.subscriptions.values()], which);
    if (subscription === undefined) return undefined;
    subscription.until = this.#world.journal.at;
    const request = client.nextRequest();
    client.unsubscribing.set(request, subscription.id);
    return client.node.realm.route(client, [Code.UNSUBSCRIBE, request, subscription.id], false);
  }

  publish(step: StepOf<'publish'>): void {
    const client = this.#openClient(step.client);
    for (let sent = 0; sent < step.count; sent++) client?.submit(() => this.#publish(client, step));
  }

  #publish(client: Client, { topic, acknowledge, excludeMe, audience }: StepOf<'publish'>): Promise<void> | undefined {
    const named = this.#named(audience, client);
    const lists = listsOf(audience, named);
    const publication: PublicationRecord = {
      number: this.#world.journal.publications.length,
      client,
      topic: TOPICS[topic]!,
      at: this.#world.journal.tick(),
      excludeMe,
      audience,
      named,
      acknowledge,
      isRetained: client.node.hasMetaApi && this.#world.journal.publications.length % 2 === 0,
      answer: undefined,
      answeredAt: Infinity,
      handledAt: Infinity,
      isRefused: false,
    };
    this.#world.journal.publications.push(publication);
    const request = client.nextRequest();
    if (acknowledge) client.publishing.set(request, publication);
    const note = new Note({ publication: publication.number });
    const options = {
      acknowledge,
      excludeMe,
      discloseMe: false,
      ...(publication.isRetained && { retain: true as const }),
      ...(lists === undefined ? {} : { audience: lists }),
    };
    const watchDrops = this.#dropWatch(client, publication);
    const message = [Code.PUBLISH, request, options, publication.topic, note] as const;
    const handled = client.node.realm.route(client, message, false);
    const done = (): void => {
      publication.handledAt = this.#world.journal.at;
      watchDrops();
    };
    if (handled === undefined) done();
    else void handled.then(done);
    return handled;
  }

  /** An unacknowledged publication that is dropped shows only in a counter, at the end of the turn in which it was handled. */
  #dropWatch(client: Client, publication: PublicationRecord): () => void {
    const { counters } = client.node;
    const before = counters.eventsDropped.node_unreachable;
    const look = (): void => {
      if (counters.eventsDropped.node_unreachable !== before) publication.isRefused = true;
    };
    return () => void setImmediate(look);
  }

  register(step: StepOf<'register'>): void {
    const client = this.#openClient(step.client);
    client?.submit(() => this.#register(client, step));
  }

  #register(client: Client, step: StepOf<'register'>): Promise<void> | undefined {
    const { procedure, invoke, force, concurrency } = step;
    const request = client.nextRequest();
    const pattern = REGISTRATIONS[procedure]!;
    const [uri, match] = pattern;
    client.asked.set(request, {
      kind: 'register',
      pattern,
      at: this.#world.journal.at,
      invoke,
      concurrency,
      wantsRetained: false,
    });
    this.#world.journal.claims.push({ client, procedure: uri, match, force, at: this.#world.journal.at });
    const options = {
      match,
      invoke,
      discloseCaller: false,
      forwardTimeout: false,
      forceReregister: force,
      ...(concurrency === 0 ? {} : { concurrency }),
    };
    return client.node.realm.route(client, [Code.REGISTER, request, options, uri], false);
  }

  unregister({ client: index, which }: StepOf<'unregister'>): void {
    const client = this.#openClient(index);
    client?.submit(() => this.#unregister(client, which));
  }

  #unregister(client: Client, which: number): Promise<void> | undefined {
    const registration = pick([...client.registrations.values()], which);
    if (registration === undefined) return undefined;
    registration.until = this.#world.journal.at;
    client.registrations.delete(registration.id);
    const id = registration.id;
    return client.node.realm.route(client, [Code.UNREGISTER, client.nextRequest(), id], false);
  }

  call(step: StepOf<'call'>): void {
    const client = this.#openClient(step.client);
    for (let made = 0; made < step.count; made++) client?.submit(() => this.#call(client, step));
  }

  #call(client: Client, { procedure, timeoutMs, receiveProgress, chunkCount, plan }: StepOf<'call'>): undefined {
    const call: CallRecord = {
      number: this.#world.journal.calls.length,
      client,
      request: client.nextRequest(),
      procedure: PROCEDURES[procedure]!,
      at: this.#world.journal.tick(),
      atMs: this.#world.time.nowMs,
      timeoutMs,
      receiveProgress,
      isChunked: chunkCount > 0,
      plan,
      sentAt: [],
      invocations: [],
      cancelMode: undefined,
      progressCount: 0,
      end: undefined,
    };
    this.#world.journal.calls.push(call);
    client.calls.set(call.request, call);
    this.#sendChunk(client, call, 0, chunkCount);
  }

  /** Sends the CALL itself as the first chunk, and the others one by one while the call is pending. */
  #sendChunk(client: Client, call: CallRecord, chunk: number, chunkCount: number): undefined {
    const { request, procedure, timeoutMs, receiveProgress } = call;
    const progress = chunk < chunkCount;
    const options = { timeoutMs, receiveProgress, progress, discloseMe: false };
    const note = new Note({ call: call.number, chunk, isLast: !progress });
    const message = [Code.CALL, request, options, procedure, note] as const;
    if (chunk === 0) void client.node.realm.route(client, message, false);
    else client.node.realm.continueCall(client, message);
    if (!progress) return;
    this.#world.time.after(CONTINUATION_PAUSE_MS, () => {
      client.submit(() => this.#sendChunk(client, call, chunk + 1, chunkCount));
    });
  }

  cancel({ client: index, which, mode }: StepOf<'cancel'>): void {
    const client = this.#openClient(index);
    client?.submit(() => this.#cancel(client, which, mode));
  }

  #cancel(client: Client, which: number, mode: CancelMode): Promise<void> | undefined {
    const pending = [...client.calls.values()].filter(({ end }) => end === undefined);
    const call = pick(pending, which);
    if (call === undefined) return undefined;
    call.cancelMode ??= mode;
    return client.node.realm.route(client, [Code.CANCEL, call.request, { mode }], false);
  }

  #openClient(index: number): Client | undefined {
    return pick(
      this.#world.clients.filter(({ isOpen }) => isOpen),
      index,
    );
  }

  #named(audience: AudienceChoice, publisher: Client): ReadonlySet<Client> {
    const { clients } = this.#world;
    switch (audience) {
      case 'everybody':
      case 'nobody':
        return new Set();
      case 'eligible_role':
      case 'exclude_role':
        // The clients that join later belong to it too.
        return { has: (client: Client) => client.authrole === ROLES[0] } as unknown as ReadonlySet<Client>;
      case 'eligible_some':
      case 'exclude_some':
      case 'exclude_authid':
        return new Set(clients.filter((client, index) => index % 2 === 0 || client === publisher));
    }
  }
}

function listsOf(audience: AudienceChoice, named: ReadonlySet<Client>): AudienceLists | undefined {
  switch (audience) {
    case 'everybody':
      return undefined;
    case 'nobody':
      return { eligible: new Set() };
    case 'eligible_some':
      return { eligible: new Set([...named].map(({ session }) => session)) };
    case 'exclude_some':
      return { exclude: new Set([...named].map(({ session }) => session)) };
    case 'exclude_authid':
      return { excludeAuthid: new Set([...named].map(({ authid }) => authid)) };
    case 'eligible_role':
      return { eligibleAuthrole: new Set([ROLES[0]!]) };
    case 'exclude_role':
      return { excludeAuthrole: new Set([ROLES[0]!]) };
  }
}
