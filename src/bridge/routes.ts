import type { HttpRoute } from '../transport/http/exchange.js';
import { RequestService } from './requests.js';
import type { BridgeDependencies, ServiceOptions } from './service.js';

/** The routes of the services of the bridge. */
export function bridgeRoutes(services: readonly ServiceOptions[], dependencies: BridgeDependencies): HttpRoute[] {
  return services.map((service) => new RequestService(service, dependencies));
}
