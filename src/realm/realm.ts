import type { LostSession } from '../backplane/session-row.js';
import { Broker } from '../routing/broker/broker.js';
import type { Registration } from '../routing/ports.js';
import { Dealer } from '../routing/dealer/dealer.js';
import type { Subject } from '../session/authorization/permission.js';
import {
  isUnavailable,
  unavailable,
  type Authorizer,
  type Newcomer,
  type SessionRealm,
  type RealmRules,
  type Reservation,
  type Session,
  type Unavailable,
} from '../session/ports.js';
import { Code } from '../wamp/codes.js';
import { fault } from '../wamp/faults.js';
import type { NodeId, RequestId, SessionId, Uri } from '../wamp/ids.js';
import type { Call, RoutedMessage } from '../wamp/messages.js';
import { CloseUri, ErrorUri } from '../wamp/uris.js';
import { unreachable } from '../wamp/unreachable.js';
import { FLUSH_SUBJECT, RealmAuthorization } from './authorization.js';
import { EventKeeper } from './event-keeper.js';
import { RealmOutlet } from './outlet.js';
import type { RealmDependencies, RealmSettings } from './realm-dependencies.js';
import { repeated, RouterCalls } from './router-procedures.js';
import { replacedSessions, REPLACED_SUBJECT, SessionPlaces } from './session-places.js';
import { RealmService, type ServiceSession } from './service-session.js';
import { Testaments } from './testaments.js';

/**
 * Draws of a session id before the realm gives up: so many collisions mean that the random source or the directory is
 * broken.
 */
const MAX_ID_DRAWS = 8;
/** Of a publication that no message of a client asked for. */
const NO_REQUEST = 0 as RequestId;

const NOT_PROGRESSIVE = fault(
  ErrorUri.NO_SUCH_PROCEDURE,
  'no procedure of the router takes progressive call invocations',
);

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
  readonly #keeper: EventKeeper;
  readonly #authorization: RealmAuthorization;
  readonly testaments: Testaments;
  #service: RealmService | undefined;
  #reservedCount = 0;
  #refusal: Unavailable | undefined;
  #isClosed = false;

  constructor(uri: Uri, settings: RealmSettings, shared: RealmDependencies) {
    this.uri = uri;
    this.#settings = settings;
    this.#shared = shared;
    const { backplane, random, counters, limits, heldTotal } = shared;
    this.#keeper = new EventKeeper(uri, settings.keeping ?? {}, shared);
    const outlet = new RealmOutlet({
      realm: uri,
      backplane,
      counters,
      delivery: shared.delivery,
      keeper: this.#keeper,
      after: shared.after,
      receiveLocally: (frame) => this.#dealer.receive(backplane.node, frame),
      onLostRequest: shared.onLostRequest,
    });
    const sources = {
      nowMs: shared.nowMs,
      random: () => random.random(),
      publicationId: () => random.publicationId(),
      retainMark: () => ({ node: backplane.node, number: ++shared.keptWrites.lastNumber }),
    };
    this.#broker = new Broker({
      realm: uri,
      outlet,
      sources,
      limits,
      heldTotal,
      onLimit: (limit) => {
        counters.limitsReached[limit]++;
        if (limit === 'held_events') counters.eventsDropped.held_limit++;
      },
    });
    this.#broker.keep(this.#keeper.rules);
    this.#dealer = new Dealer({
      realm: uri,
      node: backplane.node,
      outlet,
      sources,
      limits,
      heldTotal,
      rules: settings.dealing,
      abort: (session, violation) => session.abort(violation),
      onLimit: (limit) => counters.limitsReached[limit]++,
    });
    this.#places = this.#createPlaces();
    this.#routerCalls = new RouterCalls({
      realm: uri,
      procedures: shared.procedures ?? new Map(),
      limits,
      after: shared.after,
      nowMs: shared.nowMs,
      callEnded: (outcome, elapsedMs) => outlet.callEnded(outcome, elapsedMs),
      onLimit: () => counters.limitsReached.calls_per_session++,
      onFailure: (procedure, cause) => shared.onProcedureFailure?.(uri, procedure, cause),
    });
    this.testaments = new Testaments({
      realm: uri,
      backplane,
      limits,
      total: shared.totals,
      counters,
      after: shared.after,
      publish: (publisher, { topic, options, disclose, payload }) => {
        const message = [Code.PUBLISH, NO_REQUEST, options, topic, payload] as const;
        this.#broker.publishFor(publisher, message, disclose);
      },
    });
    this.#authorization = new RealmAuthorization(uri, settings.authorization, shared, () => this.service);
    this.answers.set(FLUSH_SUBJECT, (body) => Promise.resolve(this.#authorization.answerFlush(body)));
  }

  /** A registration of the realm, as the cluster has it now. */
  registration(row: Registration): void {
    this.#dealer.registration(row);
    this.#authorization.registration(row);
  }

  /** The router's own session in this realm, made when it is first needed. */
  get service(): ServiceSession {
    this.#service ??= new RealmService(this.uri, this.#shared.random.sessionId(), {
      call: (session, message) => this.#dealer.call(session, message, true, false),
      cancel: (session, message) => this.#dealer.cancel(session, message),
      publish: (session, message) => this.#broker.publish(session, message, false),
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
    this.#keeper.apply(settings.keeping ?? {});
    this.#broker.keep(this.#keeper.rules);
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

  /** The realm has no session, none is being opened, and the router waits for no call of its own. */
  get isEmpty(): boolean {
    return this.#sessions.size === 0 && this.#reservedCount === 0 && (this.#service?.pendingCount ?? 0) === 0;
  }

  /** Whether the session waits for a call, or owes an answer to one. */
  hasCallsInFlight(session: Session): boolean {
    return this.#dealer.hasCallsInFlight(session) || this.#routerCalls.hasPending(session);
  }

  /** The realm ends on this node: fails the calls that the router itself has made. */
  close(): void {
    this.#isClosed = true;
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
    this.#refusal = why;
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
    const reserved = this.#reserveId(newcomer, drawn);
    const places = newcomer.authmethod === 'anonymous' ? undefined : this.#places;
    return places === undefined ? reserved : this.#enterPlace(places, newcomer.authid, reserved);
  }

  #reserveId(newcomer: Newcomer, drawn?: SessionId): SessionId | Unavailable | Promise<SessionId | Unavailable> {
    const { totals, limits, counters, backplane } = this.#shared;
    if (totals.sessionCount >= limits.maxSessions) {
      counters.limitsReached.sessions++;
      return unavailable('full', `this node holds its limit of ${limits.maxSessions} sessions (limits.maxSessions)`);
    }
    if (this.#refusal !== undefined) return this.#refusal;
    totals.sessionCount++;
    this.#reservedCount++;
    const session = drawn ?? this.drawId();
    const joined = backplane.directory.join(this.uri, { ...newcomer, session });
    return joined === true ? session : this.#settle(session, joined, newcomer, drawn === undefined ? MAX_ID_DRAWS : 0);
  }

  forget(session: SessionId): void {
    this.#unreserve();
    this.#places?.leave(session);
    this.#shared.backplane.directory.leave(this.uri, session);
  }

  admit(session: Session): void {
    this.#reservedCount--;
    this.#sessions.add(session);
    this.#shared.counters.sessionsOpened.all++;
  }

  route(session: Session, message: RoutedMessage, disclose: boolean): void {
    switch (message[0]) {
      case Code.PUBLISH:
        this.#broker.publish(session, message, disclose);
        break;
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
        unreachable(message);
    }
  }

  continueCall(session: Session, message: Call): void {
    this.#dealer.call(session, message, false, true);
  }

  remove(session: Session): void {
    if (!this.#sessions.delete(session)) return;
    this.#shared.totals.sessionCount--;
    this.#shared.counters.sessionsClosed.all++;
    this.#broker.leave(session);
    this.#dealer.leave(session);
    this.#routerCalls.leave(session);
    this.#places?.leave(session.session);
    const { directory, isAlone } = this.#shared.backplane;
    // Nobody is left to receive them: the last node stops.
    if (this.#refusal?.cause === 'draining' && isAlone) this.testaments.forget(session.session);
    this.testaments.end(session, () => directory.leave(this.uri, session.session));
  }

  /** Sessions of a node that died, which no other node receives. */
  sessionsLost(sessions: readonly LostSession[]): void {
    for (const session of sessions) this.testaments.publishOf(session);
  }

  #createPlaces(): SessionPlaces | undefined {
    const { authidRule: rule } = this.#settings;
    if (rule === undefined) return undefined;
    const { backplane, after, counters, onLostRequest } = this.#shared;
    const onLimit = (): void => {
      counters.limitsReached.sessions_per_authid++;
    };
    this.answers.set(REPLACED_SUBJECT, (body) => Promise.resolve(this.#closeReplaced(replacedSessions(body))));
    return new SessionPlaces({ realm: this.uri, rule, backplane, after, onLimit, onLostRequest });
  }

  async #enterPlace(
    places: SessionPlaces,
    authid: string,
    reserved: SessionId | Unavailable | Promise<SessionId | Unavailable>,
  ): Promise<Reservation> {
    const session = await reserved;
    if (isUnavailable(session)) return session;
    const refusal = await places.enter(authid, session);
    if (refusal === undefined) return this.#refuseJoined(session) ?? session;
    this.forget(session);
    return refusal;
  }

  /** How many of the sessions were here. */
  #closeReplaced(ids: readonly SessionId[]): number {
    const replaced = new Set(ids);
    const sessions = [...this.#sessions].filter(({ session }) => replaced.has(session));
    const message = 'another session of the same authid has replaced this one';
    for (const session of sessions) session.close(CloseUri.SESSION_REPLACED, message);
    return sessions.length;
  }

  async #settle(
    first: SessionId,
    firstJoined: boolean | Promise<boolean>,
    newcomer: Newcomer,
    maxDraws: number,
  ): Promise<SessionId | Unavailable> {
    let session = first;
    let joined = firstJoined;
    try {
      for (let draw = 1; draw <= maxDraws; draw++) {
        if (await joined) return this.#refuseJoined(session) ?? session;
        session = this.drawId();
        joined = this.#shared.backplane.directory.join(this.uri, { ...newcomer, session });
      }
      if (await joined) return this.#refuseJoined(session) ?? session;
    } catch (cause) {
      this.#shared.onLostRequest('join of a session', cause);
    }
    this.#unreserve();
    return unavailable('unreachable', 'the cluster could not be asked for a session id');
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

  /** The realm may have closed while it waited for the directory. */
  #refuseJoined(session: SessionId): Unavailable | undefined {
    if (this.#refusal !== undefined) this.forget(session);
    return this.#refusal;
  }

  #unreserve(): void {
    this.#reservedCount--;
    this.#shared.totals.sessionCount--;
  }
}
