import { isUnavailable, type SessionRealm } from '../session/ports.js';
import type { BridgeOutcome } from '../telemetry/counters.js';
import type { HttpExchange, HttpRoute } from '../transport/http/exchange.js';
import { Code } from '../wamp/codes.js';
import { isFault } from '../wamp/faults.js';
import type { Call, Publish } from '../wamp/messages.js';
import { ErrorUri } from '../wamp/uris.js';
import { errorStatus, jsonAnswer, preflight, refusalAnswer } from './answers.js';
import { Gate } from './gate.js';
import { jsonPayload, readObject, typeFlaw } from './json.js';
import { sendOne, type RequestEnd } from './one-request.js';
import { isRefusal, refusal, type Refusal } from './refusal.js';
import { callMessage, publishMessage } from './request.js';
import type { BridgeDependencies, ServiceOptions } from './service.js';

const METHODS = ['POST', 'PUT', 'OPTIONS'];
/** A callee that keeps the time itself (`forward_timeout`) may be 2 s late. */
const LATE_MS = 3_000;
/** A publication that a node does not acknowledge in this time has been lost. */
const PUBLISH_TIMEOUT_MS = 30_000;

const CUT_OFF = 'This node is cut off from the others. Try again.';

/** The services `publisher` and `caller`: one PUBLISH or CALL for each request, as Crossbar.io has them. */
export class RequestService implements HttpRoute {
  readonly path: string;
  readonly match = 'prefix';
  readonly methods = METHODS;
  readonly #service: ServiceOptions;
  readonly #dependencies: BridgeDependencies;
  readonly #gate: Gate;
  #pendingCount = 0;

  constructor(service: ServiceOptions, dependencies: BridgeDependencies) {
    this.path = service.path;
    this.#service = service;
    this.#dependencies = dependencies;
    this.#gate = new Gate(service, dependencies);
  }

  async handle(exchange: HttpExchange): Promise<void> {
    if (exchange.method === 'OPTIONS') {
      exchange.answer(preflight(exchange, METHODS));
      return;
    }
    if (this.#pendingCount >= this.#service.maxPending) {
      const { path, maxPending } = this.#service;
      this.#refuse(
        exchange,
        refusal('503', 'limit', `The service ${path} has ${maxPending} requests in flight (maxPending).`),
      );
      return;
    }
    this.#pendingCount++;
    try {
      const end = await this.#carryOut(exchange);
      if (isRefusal(end)) this.#refuse(exchange, end);
      else this.#answer(exchange, end);
    } catch (error) {
      this.#count('failed');
      throw error;
    } finally {
      this.#pendingCount--;
    }
  }

  async #carryOut(exchange: HttpExchange): Promise<RequestEnd> {
    const flaw = originFlaw(exchange) ?? typeFlaw(exchange);
    if (flaw !== undefined) return flaw;
    const { maxBodyBytes: maxBytes, bodyTimeoutMs: timeoutMs } = this.#service;
    const body = await exchange.readBody({ maxBytes, timeoutMs });
    if (!(body instanceof Uint8Array))
      return refusal(body.status, body.reason === 'gone' ? 'gone' : 'bad_request', body.sentence);
    const identity = await this.#gate.identify(exchange, body);
    if (isRefusal(identity)) return identity;
    const object = readObject(body, this.#dependencies.codec);
    if (isRefusal(object)) return object;
    if (this.#dependencies.isHeld()) return refusal('503', 'unavailable', CUT_OFF, [['Retry-After', '2']]);
    const realm = await this.#dependencies.realms.open(this.#service.realm);
    if (isFault(realm) || isUnavailable(realm)) return refusal('503', 'unavailable', realm.message);
    const message = this.#message(object, realm);
    if (isRefusal(message)) return message;
    const { counters, logger } = this.#dependencies;
    return sendOne(message, { exchange, realm, identity, timeoutMs: this.#timeoutMs(), counters, logger });
  }

  #message(object: Parameters<typeof publishMessage>[0], realm: SessionRealm): Publish | Call | Refusal {
    if (this.#service.type === 'publisher') return publishMessage(object);
    return callMessage(object, this.#service.callTimeoutMs, realm.rules.callTimeoutUnit);
  }

  #timeoutMs(): number {
    return this.#service.type === 'publisher' ? PUBLISH_TIMEOUT_MS : this.#service.callTimeoutMs + LATE_MS;
  }

  #answer(exchange: HttpExchange, end: Exclude<RequestEnd, Refusal>): void {
    if (end[0] === Code.PUBLISHED) {
      this.#count('done');
      exchange.answer(jsonAnswer(exchange, '200', { id: end[2] }));
      return;
    }
    const values = jsonPayload(end[0] === Code.RESULT ? end[3] : end[5]);
    if (end[0] === Code.RESULT && values !== undefined) {
      this.#count('done');
      exchange.answer(jsonAnswer(exchange, '200', values));
      return;
    }
    const error = end[0] === Code.ERROR ? end[4] : ErrorUri.INVALID_ARGUMENT;
    this.#count(error === ErrorUri.TIMEOUT ? 'timeout' : 'error');
    const { args = [], kwargs = {} } = values ?? { args: ['the router cannot read the payload of the answer'] };
    exchange.answer(jsonAnswer(exchange, errorStatus(error, this.#service.errorStatus), { error, args, kwargs }));
  }

  #refuse(exchange: HttpExchange, why: Refusal): void {
    this.#count(why.outcome);
    exchange.answer(refusalAnswer(exchange, why));
  }

  #count(outcome: BridgeOutcome): void {
    this.#dependencies.counters.httpBridge[`${this.#service.type},${outcome}`]++;
  }
}

/** Pages send the credentials of their visitor's network: those of other origins may not. */
export function originFlaw({ origin, isAllowedOrigin }: HttpExchange): Refusal | undefined {
  if (origin === '' || isAllowedOrigin) return undefined;
  return refusal('403', 'forbidden', 'Pages of this origin may not use this service (listen.allowedOrigins).');
}
