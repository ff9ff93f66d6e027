import { isUnavailable, type SessionRealm } from '../session/ports.js';
import type { BridgeOutcome } from '../telemetry/counters.js';
import type { HttpExchange, HttpRoute } from '../transport/http/exchange.js';
import { isFault } from '../wamp/faults.js';
import type { RequestEnd } from './one-request.js';
import { isRefusal, refusal, type Refusal } from './refusal.js';
import type { BridgeDependencies, ServiceOptions } from './service.js';

/** A path of the bridge: bounds the requests in flight, and counts each by its end. */
export abstract class ServiceRoute<
  Options extends ServiceOptions = ServiceOptions,
  End = Exclude<RequestEnd, Refusal>,
> implements HttpRoute {
  readonly path: string;
  readonly match = 'prefix';
  abstract readonly methods: readonly string[];
  protected readonly service: Options;
  protected readonly dependencies: BridgeDependencies;
  #pendingCount = 0;

  constructor(service: Options, dependencies: BridgeDependencies) {
    this.path = service.path;
    this.service = service;
    this.dependencies = dependencies;
  }

  async handle(exchange: HttpExchange): Promise<void> {
    const { path, maxPending } = this.service;
    if (this.#pendingCount >= maxPending) {
      const message = `The service ${path} has ${maxPending} requests in flight (maxPending).`;
      this.#refuse(exchange, refusal('503', 'limit', message));
      return;
    }
    this.#pendingCount++;
    try {
      const end = this.flawOf(exchange) ?? (await this.carryOut(exchange));
      if (isRefusal(end)) this.#refuse(exchange, end);
      else this.#count(this.answer(exchange, end));
    } catch (error) {
      this.#count('failed');
      throw error;
    } finally {
      this.#pendingCount--;
    }
  }

  /** A flaw for which a request is refused before anything of it is read. */
  protected flawOf(_exchange: HttpExchange): Refusal | undefined {
    return undefined;
  }

  protected abstract carryOut(exchange: HttpExchange): Promise<End | Refusal>;

  /** Returns how the request is counted. */
  protected abstract answer(exchange: HttpExchange, end: End): BridgeOutcome;

  protected abstract refused(exchange: HttpExchange, why: Refusal): void;

  protected async body(exchange: HttpExchange): Promise<Uint8Array | Refusal> {
    const { maxBodyBytes: maxBytes, bodyTimeoutMs: timeoutMs } = this.service;
    const body = await exchange.readBody({ maxBytes, timeoutMs });
    if (body instanceof Uint8Array) return body;
    return refusal(body.status, body.reason === 'gone' ? 'gone' : 'bad_request', body.sentence);
  }

  /** The realm of the service, while this node serves clients. */
  protected async realm(): Promise<SessionRealm | Refusal> {
    const { isHeld, realms } = this.dependencies;
    if (isHeld()) return refusal('503', 'unavailable', CUT_OFF, [['Retry-After', '2']]);
    const realm = await realms.open(this.service.realm);
    return isFault(realm) || isUnavailable(realm) ? refusal('503', 'unavailable', realm.message) : realm;
  }

  #refuse(exchange: HttpExchange, why: Refusal): void {
    this.#count(why.outcome);
    this.refused(exchange, why);
  }

  #count(outcome: BridgeOutcome): void {
    this.dependencies.counters.httpBridge[`${this.service.type},${outcome}`]++;
  }
}

const CUT_OFF = 'This node is cut off from the others. Try again.';
