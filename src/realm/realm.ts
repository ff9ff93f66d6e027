import type { LostSession } from '../backplane/session-row.js';
import { Broker } from '../routing/broker/broker.js';
import { deliverRest, type Rest } from '../routing/rest.js';
import type { ClockAndRandom, Publication, Registration } from '../routing/ports.js';
import { Dealer } from '../routing/dealer/dealer.js';
import type { Subject } from '../session/authorization/permission.js';
import type {
  Authorizer,
  Newcomer,
  RealmRules,
  Reservation,
  Session,
  SessionRealm,
  Unavailable,
} from '../session/ports.js';
import { Code } from '../wamp/codes.js';
import type { NodeId, RequestId, SessionId, SubscriptionId, Uri } from '../wamp/ids.js';
import type { Call, RoutedMessage } from '../wamp/messages.js';
import { unreachable } from '../wamp/unreachable.js';
import { FLUSH_SUBJECT, RealmAuthorization } from './authorization.js';
import { EventKeeper } from './kept/event-keeper.js';
import { RealmMeta } from './meta/meta.js';
import { RealmOutlet } from './outlet.js';
import type { RealmDependencies, RealmSettings } from './realm-dependencies.js';
import { LeavingSessions } from './sessions/leaving-sessions.js';
import { Reservations } from './sessions/reservations.js';
import { NOT_PROGRESSIVE, repeated, RouterCalls } from './router-procedures.js';
import { closeReplaced } from './sessions/replaced-sessions.js';
import { REPLACED_SUBJECT, SessionPlaces } from './sessions/session-places.js';
import { KILL_SUBJECT, SessionKiller } from './sessions/session-killer.js';
import { routingSources } from './routing-sources.js';
import { RealmService, type ServiceSession } from './sessions/service-session.js';
import { Testaments } from './testaments/testaments.js';

/** The request id of a publication that no message of a client asked for. */
const NO_REQUEST = 0 as RequestId;

/** One realm on this node: one switch from message to broker or dealer. */
export class Realm implements SessionRealm {
  readonly uri: Uri;
  /** Answers questions that nodes of the cluster, this one included, ask about the realm (`Backplane.ask`), by subject. */
  readonly answers = new Map<string, (body: unknown, from: NodeId) => Promise<unknown>>();
  #settings: RealmSettings;
  readonly #shared: RealmDependencies;
  readonly #sessions = new Set<Session>();
  readonly #broker: Broker<Session>;
  readonly #dealer: Dealer<Session>;
  readonly #routerCalls: RouterCalls;
  readonly #places: SessionPlaces | undefined;
  readonly #reservations: Reservations;
  readonly #leaving: LeavingSessions;
  readonly keeper: EventKeeper;
  readonly #authorization: RealmAuthorization;
  readonly testaments: Testaments;
  readonly meta: RealmMeta;
  #service: RealmService | undefined;
  #isClosed = false;

  constructor(uri: Uri, settings: RealmSettings, shared: RealmDependencies) {
    this.uri = uri;
    this.#settings = settings;
    this.#shared = shared;
    this.keeper = new EventKeeper(uri, settings.keeping ?? {}, shared);
    const outlet = this.#createOutlet();
    const sources = routingSources(shared);
    this.#broker = this.#createBroker(outlet, sources);
    this.#broker.keep(this.keeper.rules);
    this.#dealer = this.#createDealer(outlet, sources);
    this.#places = this.#createPlaces();
    this.#reservations = new Reservations(uri, shared, this.#places, () => this.drawId());
    this.#leaving = new LeavingSessions(this.#broker, this.#dealer, this.#end, shared.longWork.partSizes?.holdings);
    this.meta = this.#createMeta(outlet);
    this.#routerCalls = this.#createRouterCalls(outlet);
    this.testaments = this.#createTestaments();
    this.#authorization = new RealmAuthorization(uri, settings.authorization, shared, () => this.service);
    const killer = new SessionKiller(this.#reservations, {
      sessions: this.#sessions,
      after: shared.after,
      silently: (session, close) => {
        this.testaments.forget(session.session);
        this.meta.silently(close);
      },
    });
    this.answers.set(KILL_SUBJECT, (body) => killer.answer(body) ?? Promise.reject(new Error('no order to kill')));
    for (const [subject, answer] of this.meta.answers) this.answers.set(subject, answer);
    this.answers.set(FLUSH_SUBJECT, (body) => Promise.resolve(this.#authorization.answerFlush(body)));
  }

  /** A registration of the realm, as the cluster has it now. */
  registration(row: Registration): void {
    const before = this.#dealer.directory.find(row.procedure, row.match);
    this.#dealer.registration(row);
    this.meta.registrations.changed(before, row);
    this.#authorization.registration(row);
  }

  /** This node has read all that the cluster had of the realm: everything that comes from now on is new. */
  served(): void {
    this.meta.begin();
  }

  /** A publication of another node. Its sender's next message must wait for what is left. */
  receive(publication: Publication): Rest | undefined {
    return this.meta.admits(publication) ? this.#broker.distributePart(publication) : undefined;
  }

  get service(): ServiceSession {
    return this.#ownSession();
  }

  /** The router's own session in this realm, made when it is first needed. */
  #ownSession(): RealmService {
    this.#service ??= new RealmService(this.uri, this.#shared.random.sessionId(), {
      call: (session, message) => this.#dealer.call(session, message, true, false),
      cancel: (session, message) => this.#dealer.cancel(session, message),
      publish: (session, message) => deliverRest(this.#broker.publish(session, message, false)),
      leave: (session) => this.#dealer.leave(session),
    });
    if (this.#isClosed) this.#service.close();
    return this.#service;
  }

  /** Sessions keep the rules of the moment at which they joined. */
  get rules(): RealmRules {
    return this.#settings.rules;
  }

  /** Sessions that join from now on get these settings. Those of `dealing` stay: calls in flight depend on them. */
  apply(settings: RealmSettings): void {
    this.#settings = settings;
    this.#authorization.apply(settings.authorization);
    this.keeper.apply(settings.keeping ?? {});
    this.#broker.keep(this.keeper.rules);
    this.meta.apply(settings.metaApi);
  }

  get hasMetaEvents(): boolean {
    return !this.meta.isOff;
  }

  get sessions(): ReadonlySet<Session> {
    return this.#sessions;
  }

  get broker(): Broker<Session> {
    return this.#broker;
  }

  get dealer(): Dealer<Session> {
    return this.#dealer;
  }

  /** The realm has no session, none is being opened or waits for its end, and the router waits for no call of its own. */
  get isEmpty(): boolean {
    if (this.testaments.isWaiting) return false;
    return this.#sessions.size === 0 && this.#reservations.count === 0 && (this.#service?.pendingCount ?? 0) === 0;
  }

  /** Whether the session waits for a call, or owes an answer to one. */
  hasCallsInFlight(session: Session): boolean {
    return this.#dealer.hasCallsInFlight(session) || this.#routerCalls.hasPending(session);
  }

  /** The realm ends on this node: fails the calls that the router itself has made. */
  close(): void {
    this.#isClosed = true;
    this.#leaving.close();
    this.testaments.close();
    this.#places?.close();
    this.#service?.close();
  }

  /** The cluster can be reached again: what its store had lost is written anew. */
  reachable(): void {
    void this.#places?.renew();
  }

  /** Refuses every further session with this reason. */
  retire(why: Unavailable): void {
    this.#reservations.refuse(why);
  }

  authorizer(subject: Subject): Authorizer | undefined {
    return this.#authorization.authorizer(subject);
  }

  /** The authorizer of a session that keeps its permissions through a reload. */
  reguarded(authorizer: Authorizer, subject: Subject): Authorizer {
    return this.#authorization.reguarded(authorizer, subject);
  }

  /** Never the id of the service session of this node. */
  drawId(): SessionId {
    let id: SessionId;
    do id = this.#shared.random.sessionId();
    while (id === this.#service?.session);
    return id;
  }

  reserve(newcomer: Newcomer, drawn?: SessionId): Reservation | Promise<Reservation> {
    return this.#reservations.reserve(newcomer, drawn);
  }

  forget(session: SessionId): void {
    this.#reservations.forget(session);
  }

  admit(session: Session): void {
    this.#reservations.admitted();
    this.#sessions.add(session);
    this.#shared.counters.sessionsOpened.all++;
    this.meta.joined(session);
    this.#shared.joined?.(session);
  }

  route(session: Session, message: RoutedMessage, disclose: boolean): Promise<void> | undefined {
    switch (message[0]) {
      case Code.PUBLISH: {
        const rest = this.#broker.publish(session, message, disclose);
        return rest && this.#shared.longWork.inTurns(rest);
      }
      case Code.SUBSCRIBE:
        this.#broker.subscribe(session, message);
        break;
      case Code.UNSUBSCRIBE:
        this.#broker.unsubscribe(session, message);
        break;
      case Code.CALL:
        if (this.#routerCalls.has(message[3])) this.#callRouter(session, message);
        else this.#dealer.call(session, message, disclose, false);
        break;
      case Code.CANCEL:
        if (!this.#routerCalls.cancel(session, message[1])) this.#dealer.cancel(session, message);
        break;
      case Code.REGISTER:
        this.#dealer.register(session, message, disclose);
        break;
      case Code.UNREGISTER:
        this.#dealer.unregister(session, message);
        break;
      case Code.YIELD:
        this.#dealer.yield(session, message);
        break;
      case Code.ERROR:
        this.#dealer.error(session, message);
        break;
      default:
        return unreachable(message);
    }
    return undefined;
  }

  continueCall(session: Session, message: Call): void {
    this.#dealer.call(session, message, false, true);
  }

  remove(session: Session): (() => boolean) | undefined {
    return this.#sessions.has(session) ? this.#leaving.begin(session, this.meta.isSilent) : undefined;
  }

  readonly #end = (session: Session, isSilent: boolean): void => {
    this.#sessions.delete(session);
    this.#shared.totals.sessionCount--;
    this.#shared.counters.sessionsClosed.all++;
    this.release(session);
    this.#places?.leave(session.session);
    const { directory, isAlone } = this.#shared.backplane;
    // Nobody is left to receive them: the last node stops.
    if (this.#reservations.refusal?.cause === 'draining' && isAlone) this.testaments.forget(session.session);
    this.testaments.end(session, () => {
      directory.leave(this.uri, session.session);
      if (!isSilent) this.meta.left(session);
    });
  };

  historyWith(topic: Uri): SubscriptionId | undefined {
    return this.keeper.historyWith(topic);
  }

  release(session: Session): void {
    this.#broker.leave(session);
    this.#dealer.leave(session);
    this.#routerCalls.leave(session);
  }

  /** A session of a node that died, which no other node receives. */
  sessionLost(session: LostSession): void {
    this.testaments.publishOf(session);
    this.meta.left(session);
  }

  #createOutlet(): RealmOutlet {
    return new RealmOutlet({
      ...this.#shared,
      realm: this.uri,
      keeper: this.keeper,
      receiveLocally: (frame) => this.#dealer.receive(this.#shared.backplane.node, frame),
    });
  }

  #createBroker(outlet: RealmOutlet, sources: ClockAndRandom): Broker<Session> {
    const { counters, limits, heldTotal, longWork } = this.#shared;
    return new Broker({
      realm: this.uri,
      outlet,
      sources,
      limits,
      heldTotal,
      partCount: longWork.partSizes?.receivers,
      onLimit: (limit) => {
        counters.limitsReached[limit]++;
        if (limit === 'held_events') counters.eventsDropped.held_limit++;
      },
      onSubscribed: (session, subscription) => this.meta.subscriptions.subscribed(session, subscription),
      onUnsubscribed: (session, subscription) => this.meta.subscriptions.unsubscribed(session, subscription),
    });
  }

  #createDealer(outlet: RealmOutlet, sources: ClockAndRandom): Dealer<Session> {
    const { backplane, counters, limits, heldTotal } = this.#shared;
    return new Dealer({
      realm: this.uri,
      node: backplane.node,
      outlet,
      sources,
      limits,
      heldTotal,
      rules: this.#settings.dealing,
      abort: (session, violation) => session.abort(violation),
      onLimit: (limit) => counters.limitsReached[limit]++,
      onRegistered: (callee, registration) => this.meta.registrations.registered(callee, registration),
    });
  }

  #createMeta(outlet: RealmOutlet): RealmMeta {
    const { backplane, counters, limits, nowMs } = this.#shared;
    return new RealmMeta({
      realm: this.uri,
      access: this.#settings.metaApi,
      backplane,
      broker: this.#broker,
      dealer: this.#dealer,
      limits,
      onLimit: (limit) => counters.limitsReached[limit]++,
      nowMs,
      holdUnwatches: () => outlet.holdUnwatches(),
      publisher: () => this.#ownSession(),
    });
  }

  #createRouterCalls(outlet: RealmOutlet): RouterCalls {
    const { procedures, counters, limits, after, nowMs, onProcedureFailure } = this.#shared;
    return new RouterCalls({
      realm: this.uri,
      procedures: { get: (name) => procedures?.get(name) ?? this.meta.procedure(name) },
      limits,
      after,
      nowMs,
      callEnded: (outcome, elapsedMs) => outlet.callEnded(outcome, elapsedMs),
      onLimit: () => counters.limitsReached.calls_per_session++,
      onFailure: (procedure, cause) => onProcedureFailure?.(this.uri, procedure, cause),
    });
  }

  #createTestaments(): Testaments {
    const { backplane, limits, totals, counters, after } = this.#shared;
    return new Testaments({
      realm: this.uri,
      backplane,
      limits,
      total: totals,
      counters,
      after,
      publish: (publisher, { topic, options, disclose, payload }) => {
        const message = [Code.PUBLISH, NO_REQUEST, options, topic, payload] as const;
        this.#broker.publishFor(publisher, message, disclose);
      },
    });
  }

  #createPlaces(): SessionPlaces | undefined {
    const { authidRule: rule } = this.#settings;
    if (rule === undefined) return undefined;
    const onLimit = (): number => this.#shared.counters.limitsReached.sessions_per_authid++;
    this.answers.set(REPLACED_SUBJECT, (body) => closeReplaced(body, this.#sessions, this.#reservations));
    return new SessionPlaces({ ...this.#shared, realm: this.uri, rule, onLimit });
  }

  /**
   * The dealer refuses a progressive CALL, which no procedure of the router takes, and discards its further chunks. No callee
   * receives it, not even one that has registered a pattern.
   */
  #callRouter(session: Session, message: Call): void {
    const [, request, options] = message;
    if (this.#routerCalls.isPending(session, request)) session.abort(repeated(request));
    else if (options.progress || this.#dealer.knows(session, request))
      this.#dealer.refuseCall(session, message, NOT_PROGRESSIVE);
    else this.#routerCalls.call(session, message);
  }
}
