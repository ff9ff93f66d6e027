import type { HttpExchange } from '../transport/http/exchange.js';
import { preflight, refusalAnswer } from './answers.js';
import { queryFlaw } from './query.js';
import { RequestAuthenticator } from './request-authenticator.js';
import type { RequestEnd } from './one-request.js';
import type { Refusal } from './refusal.js';
import type { BridgeDependencies, ServiceOptions } from './service.js';
import { ServiceRoute } from './service-route.js';

/** A path of the bridge for applications, pages of other origins among them. Refuses in JSON. */
export abstract class ApplicationRoute<
  Options extends ServiceOptions = ServiceOptions,
  End = Exclude<RequestEnd, Refusal>,
> extends ServiceRoute<Options, End> {
  protected readonly authenticator: RequestAuthenticator;

  constructor(service: Options, dependencies: BridgeDependencies) {
    super(service, dependencies);
    this.authenticator = new RequestAuthenticator(service, dependencies);
  }

  override async handle(exchange: HttpExchange): Promise<void> {
    if (exchange.method === 'OPTIONS') exchange.answer(preflight(exchange, this.methods));
    else await super.handle(exchange);
  }

  protected override flawOf({ query }: HttpExchange): Refusal | undefined {
    return queryFlaw(query);
  }

  protected override refused(exchange: HttpExchange, why: Refusal): void {
    exchange.answer(refusalAnswer(exchange, why));
  }
}
