import type { Backplane } from '../../backplane/backplane.js';
import { payloadValues } from '../../codec/payload-values.js';
import { payloadOf } from '../../codec/payload.js';
import { readArguments } from '../../routing/meta/arguments.js';
import { META_PROCEDURES, offers, type MetaAccess, type MetaProcedure } from '../../routing/meta/procedures.js';
import type { MetaEventsPort } from '../../routing/meta/events-port.js';
import { MetaTopic } from '../../routing/meta/topics.js';
import { RegistrationEvents } from '../../routing/meta/registration-events.js';
import { SubscriptionEvents, type TopicEdge } from '../../routing/meta/subscription-events.js';
import type { DeliveryScope } from '../../routing/broker/broker-options.js';
import type { Broker } from '../../routing/broker/broker.js';
import type { Publication } from '../../routing/ports.js';
import type { Identity } from '../../routing/peer.js';
import type { Session } from '../../session/ports.js';
import { isFault } from '../../wamp/faults.js';
import { isReserved } from '../../wamp/uri-rules.js';
import { isId, type SessionId, type Uri } from '../../wamp/ids.js';
import type { List } from '../../wamp/options.js';
import type { MetaHandler, MetaSources } from './meta-handlers.js';
import { answerRemoveSubscriber, answerSubscriptions, type CreatedMs } from './meta-subscriptions.js';
import { createMetaHandlers } from './meta-procedures.js';
import { answerRemoveCallee } from './meta-registrations.js';
import { sessionDetails } from './meta-sessions.js';
import { RecentlyLeft } from '../sessions/recently-left.js';
import type { RouterProcedure } from '../router-procedures.js';
import { shownAuthextra } from '../shown-authextra.js';

const REGISTRATION = 'wamp.registration.on_';
const SUBSCRIPTION = 'wamp.subscription.on_';

export interface RealmMetaOptions extends Omit<MetaSources, 'hasLeft'> {
  readonly access: MetaAccess;
  readonly backplane: Backplane;
  readonly broker: Broker<Session>;
  readonly nowMs: () => number;
  /** Unwatches that follow wait until the returned function is called. */
  readonly holdUnwatches: () => () => void;
  /** The router's own session in the realm. */
  readonly publisher: () => Identity;
}

/** The meta API of one realm, as this node serves it: procedures and events under `wamp.`. */
export class RealmMeta {
  readonly #options: RealmMetaOptions;
  readonly #procedures: ReadonlyMap<Uri, { readonly about: MetaProcedure; readonly carryOut: RouterProcedure }>;
  /** Events of registrations. */
  readonly registrations: RegistrationEvents;
  /** Events of subscriptions. */
  readonly subscriptions: SubscriptionEvents;
  readonly #createdMs: CreatedMs;
  readonly #left: RecentlyLeft;
  #access: MetaAccess;
  #isSilent = false;

  constructor(options: RealmMetaOptions) {
    this.#options = options;
    this.#access = options.access;
    const forgotten = (): void => options.onLimit('meta_memory');
    this.#left = new RecentlyLeft(options.nowMs, forgotten);
    const port: MetaEventsPort = {
      isWantedHere: (topic) => this.#isWantedHere(topic),
      publishHere: (topic, args) => {
        if (this.#isWantedHere(topic)) this.#publish(topic, args, 'here');
      },
      publishElsewhere: (topic, args) => {
        if (this.#isWantedElsewhere(topic)) this.#publishElsewhere(topic, args);
      },
      forgotten,
      nowMs: options.nowMs,
    };
    this.registrations = new RegistrationEvents({ ...port, find: (id) => options.dealer.directory.byId(id) });
    const { realm, backplane } = options;
    this.#createdMs = (topic, match) => backplane.bus.createdMs(realm, topic, match);
    this.subscriptions = new SubscriptionEvents({ ...port, realm, createdMs: this.#createdMs });
    const handlers = createMetaHandlers({
      ...options,
      hasLeft: (session) => this.hasLeft(session),
    }) as unknown as Readonly<Record<string, MetaHandler<unknown>>>;
    this.#procedures = new Map(
      Object.entries<MetaProcedure>(META_PROCEDURES).map(([uri, about]) => {
        const handler = handlers[uri];
        if (handler === undefined) throw new Error(`nothing carries out ${uri}`);
        const carryOut: RouterProcedure = (call) => {
          const read = readArguments(about.parameters, call.args, call.kwargs);
          return isFault(read) ? read : handler(read, call);
        };
        return [uri, { about, carryOut }];
      }),
    );
  }

  /** This node has read the registrations that the cluster had. */
  begin(): void {
    this.registrations.begin();
    this.subscriptions.begin();
  }

  /** Takes effect at once; subscriptions stay. */
  apply(access: MetaAccess): void {
    this.#access = access;
  }

  get isOff(): boolean {
    return this.#access === 'off';
  }

  /** Undefined: the realm has no such procedure, or not with its access. */
  procedure(uri: Uri): RouterProcedure | undefined {
    const found = this.#procedures.get(uri);
    return found !== undefined && offers(this.#access, found.about) ? found.carryOut : undefined;
  }

  /** Whether sessions of this node receive what another node has published. */
  admits({ topic, payload }: Publication): boolean {
    if (!isReserved(topic)) return true;
    if (this.#access === 'off') return false;
    if (topic === MetaTopic.SESSION_LEFT) this.#noteLeft(payloadValues(payload)?.args[0]);
    if (topic.startsWith(REGISTRATION)) return this.registrations.arrived(topic, payloadValues(payload)?.args ?? []);
    if (topic.startsWith(SUBSCRIPTION)) return this.subscriptions.arrived(topic, payloadValues(payload)?.args ?? []);
    return true;
  }

  /** The answers to questions of other nodes, by subject. */
  get answers(): readonly (readonly [subject: string, answer: (body: unknown) => Promise<unknown>])[] {
    const { broker, dealer, limits } = this.#options;
    return [
      answerRemoveCallee(dealer),
      answerRemoveSubscriber(broker),
      answerSubscriptions(broker, this.#createdMs, limits),
    ];
  }

  #isWantedHere(topic: Uri): boolean {
    return this.#access !== 'off' && this.#options.broker.isWanted(topic);
  }

  #isWantedElsewhere(topic: Uri): boolean {
    const { backplane, realm } = this.#options;
    return this.#access !== 'off' && backplane.bus.isWanted(realm, topic);
  }

  /** Whether a session receives the topic, here or on another node. */
  #isWanted(topic: Uri): boolean {
    return this.#isWantedHere(topic) || this.#isWantedElsewhere(topic);
  }

  /** Delivers here at once, and sends to the other nodes behind everything that this node has sent before. */
  #publish(topic: Uri, args: List, reach: DeliveryScope, settled?: () => void): void {
    this.#options.broker.publishOwn(this.#options.publisher(), topic, payloadOf(args), reach, settled);
  }

  /**
   * Over Redis, changes of topics take another connection than publications: on_delete of the last subscriber must not overtake its
   * on_unsubscribe.
   */
  #publishElsewhere(topic: Uri, args: List): void {
    const isLast = topic === MetaTopic.SUBSCRIBER_REMOVED;
    this.#publish(topic, args, 'elsewhere', isLast ? this.#options.holdUnwatches() : undefined);
  }

  /** The cluster begins to want a topic, or ends to. */
  topicChanged(edge: TopicEdge): void {
    if (!this.isOff) this.subscriptions.changed(edge);
  }

  /** No `on_leave` is published of sessions that `action` ends, even if their rows are removed later. */
  silently(action: () => void): void {
    this.#isSilent = true;
    try {
      action();
    } finally {
      this.#isSilent = false;
    }
  }

  /** `silently` is running. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** This node knows that the session has left, though the store may still have its row. */
  hasLeft(session: SessionId): boolean {
    return this.#left.has(session);
  }

  #noteLeft(session: unknown): void {
    if (isId(session)) this.#left.add(session as SessionId);
  }

  /** The session has been sent WELCOME. */
  joined(session: Session): void {
    this.#left.delete(session.session);
    if (!this.#isWanted(MetaTopic.SESSION_JOINED)) return;
    const { realm, limits } = this.#options;
    const authextra = shownAuthextra(session.authextra, limits.maxAuthextraBytes);
    this.#publish(MetaTopic.SESSION_JOINED, [sessionDetails(realm, session, authextra)], 'all');
  }

  /** The session has ended, and holds nothing any more. */
  left({ session, authid, authrole }: Identity): void {
    // The others have declared this node dead: the one that removes the session's row publishes.
    if (this.#options.backplane.standing() === 'over' || !this.#isWanted(MetaTopic.SESSION_LEFT)) return;
    this.#left.add(session);
    this.#publish(MetaTopic.SESSION_LEFT, [session, authid, authrole], 'all');
  }
}
