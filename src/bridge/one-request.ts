import { Intake } from '../session/intake.js';
import type { SessionRealm } from '../session/ports.js';
import type { Counters } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import type { HttpExchange } from '../transport/http/exchange.js';
import { Deferred } from '../util/deferred.js';
import { Code } from '../wamp/codes.js';
import { isFault } from '../wamp/faults.js';
import type { Features } from '../wamp/features.js';
import type { Call, Publish, Published, Result, RouterError, RouterMessage } from '../wamp/messages.js';
import { badRequest, refusal, type Refusal } from './refusal.js';
import type { RequestIdentity } from './service.js';
import { HttpSession, transportOf } from './http-session.js';
import { REQUEST } from './request.js';

/** The end of a PUBLISH or CALL. */
export type RequestEnd = Published | Result | RouterError | Refusal;

export interface OneRequestOptions {
  readonly exchange: HttpExchange;
  readonly realm: SessionRealm;
  readonly identity: RequestIdentity;
  /** The realm itself ends a call some time before. */
  readonly timeoutMs: number;
  readonly counters: Counters;
  readonly logger: Logger;
}

/** A publication that a node does not acknowledge in this time has been lost. */
export const PUBLISH_TIMEOUT_MS = 30_000;
const GONE = refusal('400', 'gone', 'The client has left.');
const FEATURES: Features = { caller: new Set(['call_canceling', 'call_timeout']), publisher: new Set() };

/**
 * Sends one message in a session of its own, which no other session can see, and resolves with the answer. A call is
 * canceled when the client leaves, and not sent when it has left already.
 */
export async function sendOne(message: Publish | Call, options: OneRequestOptions): Promise<RequestEnd> {
  const { exchange, realm, identity, timeoutMs, counters, logger } = options;
  if (message[0] === Code.CALL && exchange.gone.aborted) return GONE;
  const { principal, authmethod } = identity;
  const authorizer = realm.authorizer(principal);
  if (authorizer === undefined)
    return refusal('403', 'forbidden', `Realm "${realm.uri}" has no role "${principal.authrole}".`);
  const end = new Deferred<RequestEnd>();
  const owner = {
    received: (answer: RouterMessage) => {
      if (answer[0] === Code.PUBLISHED || answer[0] === Code.RESULT || answer[0] === Code.ERROR) end.resolve(answer);
    },
    event: () => undefined,
    closed: (text: string) => end.resolve(refusal('503', 'unavailable', text)),
  };
  const { authid, authrole, authprovider, authextra } = principal;
  const names = { session: realm.drawId(), realm: realm.uri, authid, authrole, authmethod, authprovider, authextra };
  const transport = transportOf(exchange);
  const session = new HttpSession({ ...names, transport, features: FEATURES, authorizer }, owner);
  const intake = new Intake({ session, realm, counters, logger });
  const leave = (): void => {
    // First: the realm answers the CANCEL at once.
    end.resolve(GONE);
    void intake.accept([Code.CANCEL, REQUEST, { mode: 'killnowait' }]);
  };
  exchange.gone.addEventListener('abort', leave);
  const timer = setTimeout(() => end.resolve(refusal('504', 'timeout', 'The call took too long.')), timeoutMs);
  try {
    const verdict = intake.accept(message);
    if (isFault(verdict)) return badRequest(verdict.message);
    if (verdict !== undefined) await Promise.race([verdict, end.promise]);
    return await end.promise;
  } finally {
    clearTimeout(timer);
    exchange.gone.removeEventListener('abort', leave);
    session.seal();
    realm.release(session);
  }
}
