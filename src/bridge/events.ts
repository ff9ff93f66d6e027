import { Intake } from '../session/intake.js';
import { isUnavailable, type SessionRealm } from '../session/ports.js';
import type { BridgeOutcome } from '../telemetry/counters.js';
import type { HttpExchange } from '../transport/http/exchange.js';
import { Deferred } from '../util/deferred.js';
import { Code } from '../wamp/codes.js';
import { isFault } from '../wamp/faults.js';
import type { RouterError, RouterMessage } from '../wamp/messages.js';
import type { SessionId } from '../wamp/ids.js';
import { bridgeCorsHeaders, errorStatus, jsonAnswer } from './answers.js';
import { ApplicationRoute } from './application-route.js';
import { EventStream } from './event-stream.js';
import { HttpSession, transportOf } from './http-session.js';
import { jsonPayload } from './json.js';
import { PUBLISH_TIMEOUT_MS } from './one-request.js';
import { originFlaw } from './origin.js';
import { badRequest, isRefusal, refusal, type Refusal } from './refusal.js';
import { REQUEST } from './request.js';
import type { EventsOptions, RequestIdentity } from './service.js';

const METHODS = ['GET', 'OPTIONS'];
const FEATURES = { subscriber: new Set<never>() };
const NO_BODY = new Uint8Array();
const PUBLICATION = /^[1-9]\d{0,15}$/;
const RETRY = [['Retry-After', '2']] as const;
const GONE = refusal('400', 'gone', 'The client has left.');
/** A comment of the format. */
const FILLER = ':\n';

/** A stream that has ended, or the reason why there was none. */
type StreamEnd = 'streamed' | RouterError;

interface Asked {
  readonly topic: string;
  /** The last event that the client has. */
  readonly after: number | undefined;
}

/** The service `events`: the events of one topic for each request, as server-sent events, until its client leaves. */
export class EventsService extends ApplicationRoute<EventsOptions, StreamEnd> {
  override readonly methods = METHODS;

  protected override async carryOut(exchange: HttpExchange): Promise<StreamEnd | Refusal> {
    const flaw = originFlaw(exchange);
    if (flaw !== undefined) return flaw;
    const asked = askedBy(exchange);
    if (isRefusal(asked)) return asked;
    const identity = await this.authenticator.identify(exchange, NO_BODY);
    if (isRefusal(identity)) return identity;
    const realm = await this.realm();
    if (isRefusal(realm)) return realm;
    const id = await reserve(realm, identity, exchange);
    if (isRefusal(id)) return id;
    return this.#stream(exchange, realm, identity, { ...asked, id });
  }

  protected override answer(exchange: HttpExchange, end: StreamEnd): BridgeOutcome {
    if (end === 'streamed') return 'done';
    const { args = [], kwargs = {} } = jsonPayload(end[5]) ?? {};
    exchange.answer(jsonAnswer(exchange, errorStatus(end[4], 'http'), { error: end[4], args, kwargs }));
    return 'error';
  }

  /** Resolves when the stream has ended. */
  async #stream(
    exchange: HttpExchange,
    realm: SessionRealm,
    { principal, authmethod }: RequestIdentity,
    { id, topic, after }: Asked & { readonly id: SessionId },
  ): Promise<StreamEnd | Refusal> {
    const { codec, counters, logger } = this.dependencies;
    const { maxUnsentBytes } = this.service;
    // A reload may have come since the session was reserved.
    const authorizer = realm.authorizer(principal);
    if (authorizer === undefined || hasLeft(exchange)) {
      realm.forget(id);
      return authorizer === undefined ? noRole(realm, principal.authrole) : GONE;
    }
    const stream = new EventStream({ realm, codec, counters, maxUnsentBytes });
    const { authid, authrole, authprovider, authextra, validForMs } = principal;
    const names = { session: id, realm: realm.uri, authid, authrole, authmethod, authprovider, authextra };
    const transport = transportOf(exchange);
    const owner = {
      received: (message: RouterMessage) => stream.received(message),
      event: (message: Uint8Array) => stream.event(message),
      closed: (text: string) => {
        stream.closed(text);
        // It holds one subscription, which is no more than ends at once.
        realm.remove(session);
      },
    };
    const session = new HttpSession({ ...names, transport, features: FEATURES, authorizer }, owner);
    realm.admit(session);
    const leave = (): void => session.dismiss();
    const gone = new Deferred();
    exchange.gone.addEventListener('abort', () => {
      leave();
      gone.resolve();
    });
    const cancelExpiry = validForMs === undefined ? undefined : this.dependencies.after(validForMs, leave);
    try {
      const intake = new Intake({ session, realm, counters, logger });
      const verdict = intake.accept([Code.SUBSCRIBE, REQUEST, { match: 'exact' }, topic]);
      if (isFault(verdict)) return badRequest(verdict.message);
      const lost = (): void => stream.subscribed.resolve('The subscription took too long.');
      const cancelLoss = this.dependencies.after(PUBLISH_TIMEOUT_MS, lost);
      const end = await stream.subscribed.promise;
      cancelLoss();
      if (typeof end === 'string') return hasLeft(exchange) ? GONE : refusal('503', 'unavailable', end);
      if (end[0] === Code.ERROR) return end;
      const headers = [
        ...bridgeCorsHeaders(exchange),
        ['Content-Type', 'text/event-stream; charset=utf-8'] as const,
        ['Cache-Control', 'no-store'] as const,
      ];
      const body = exchange.stream({ status: '200', headers, filler: FILLER, maxUnsentBytes });
      await stream.begin(body, session, { topic, after });
      await gone.promise;
      return 'streamed';
    } finally {
      cancelExpiry?.();
      leave();
    }
  }
}

function hasLeft({ gone }: HttpExchange): boolean {
  return gone.aborted;
}

function askedBy(exchange: HttpExchange): Asked | Refusal {
  const topics = new URLSearchParams(exchange.query).getAll('topic');
  const [topic] = topics;
  if (topic === undefined || topics.length > 1) return badRequest('The query must have one "topic".');
  const last = exchange.header('last-event-id');
  if (last === '') return { topic, after: undefined };
  if (!PUBLICATION.test(last)) return badRequest('Last-Event-ID must be the id of an event of this service.');
  return { topic, after: Number(last) };
}

/** Enters the session in the directory: a stream is a session of its realm like any other. */
async function reserve(
  realm: SessionRealm,
  identity: RequestIdentity,
  exchange: HttpExchange,
): Promise<SessionId | Refusal> {
  const { principal, authmethod } = identity;
  if (realm.authorizer(principal) === undefined) return noRole(realm, principal.authrole);
  const { authid, authrole, authprovider, authextra } = principal;
  const transport = transportOf(exchange);
  const id = await realm.reserve({ authid, authrole, authmethod, authprovider, authextra, transport });
  return isFault(id) || isUnavailable(id) ? refusal('503', 'unavailable', id.message, RETRY) : id;
}

function noRole({ uri }: SessionRealm, role: string): Refusal {
  return refusal('403', 'forbidden', `Realm "${uri}" has no role "${role}".`);
}
