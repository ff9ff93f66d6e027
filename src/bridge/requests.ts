import type { SessionRealm } from '../session/ports.js';
import type { BridgeOutcome } from '../telemetry/counters.js';
import type { HttpExchange } from '../transport/http/exchange.js';
import { Code } from '../wamp/codes.js';
import type { Call, Publish } from '../wamp/messages.js';
import type { Dict } from '../wamp/options.js';
import { ErrorUri } from '../wamp/uris.js';
import { errorStatus, jsonAnswer } from './answers.js';
import { jsonPayload, readObject, typeFlaw } from './json.js';
import { PUBLISH_TIMEOUT_MS, sendOne, type RequestEnd } from './one-request.js';
import { originFlaw } from './origin.js';
import { isRefusal, type Refusal } from './refusal.js';
import { callMessage, publishMessage } from './request.js';
import { ApplicationRoute } from './application-route.js';

const METHODS = ['POST', 'PUT', 'OPTIONS'];
/** A callee that keeps the time itself (`forward_timeout`) may be 2 s late. */
const LATE_MS = 3_000;

/** The services `publisher` and `caller`: one PUBLISH or CALL for each request, as Crossbar.io has them. */
export class RequestService extends ApplicationRoute {
  override readonly methods = METHODS;

  protected override async carryOut(exchange: HttpExchange): Promise<RequestEnd> {
    const flaw = originFlaw(exchange) ?? typeFlaw(exchange);
    if (flaw !== undefined) return flaw;
    const body = await this.body(exchange);
    if (isRefusal(body)) return body;
    const identity = await this.authenticator.identify(exchange, body);
    if (isRefusal(identity)) return identity;
    const { codec, counters, logger } = this.dependencies;
    const object = readObject(body, codec);
    if (isRefusal(object)) return object;
    const realm = await this.realm();
    if (isRefusal(realm)) return realm;
    const message = this.#message(object, realm);
    if (isRefusal(message)) return message;
    return sendOne(message, { exchange, realm, identity, timeoutMs: this.#timeoutMs(), counters, logger });
  }

  protected override answer(exchange: HttpExchange, end: Exclude<RequestEnd, Refusal>): BridgeOutcome {
    if (end[0] === Code.PUBLISHED) {
      exchange.answer(jsonAnswer(exchange, '200', { id: end[2] }));
      return 'done';
    }
    const values = jsonPayload(end[0] === Code.RESULT ? end[3] : end[5]);
    if (end[0] === Code.RESULT && values !== undefined) {
      exchange.answer(jsonAnswer(exchange, '200', values));
      return 'done';
    }
    const error = end[0] === Code.ERROR ? end[4] : ErrorUri.INVALID_ARGUMENT;
    const { args = [], kwargs = {} } = values ?? { args: ['the router cannot read the payload of the answer'] };
    exchange.answer(jsonAnswer(exchange, errorStatus(error, this.service.errorStatus), { error, args, kwargs }));
    return error === ErrorUri.TIMEOUT ? 'timeout' : 'error';
  }

  #message(object: Dict, realm: SessionRealm): Publish | Call | Refusal {
    if (this.service.type === 'publisher') return publishMessage(object);
    return callMessage(object, this.service.callTimeoutMs, realm.rules.callTimeoutUnit);
  }

  #timeoutMs(): number {
    return this.service.type === 'publisher' ? PUBLISH_TIMEOUT_MS : this.service.callTimeoutMs + LATE_MS;
  }
}
