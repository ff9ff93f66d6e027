import { bridgeRoutes } from '../bridge/routes.js';
import type { BridgeDependencies } from '../bridge/service.js';
import type { Config } from '../config/schema.js';
import type { EndpointDependencies } from '../session/endpoint-dependencies.js';
import type { HttpRoute } from '../transport/http/exchange.js';

/** The routes of the HTTP bridge, by the name of the listener that has them. */
export function httpBridge(
  { httpBridge: services, limits }: Config,
  { realms, authMethodsOf, authenticators, codecs, counters, logger, after }: EndpointDependencies,
  store: BridgeDependencies['store'],
  isHeld: BridgeDependencies['isHeld'],
): (listener: string) => readonly HttpRoute[] {
  const bounded = services.map((service) => ({
    ...service,
    maxBodyBytes: Math.min(service.maxBodyBytes, limits.maxMessageBytes),
  }));
  const common = { authMethodsOf, authenticators, counters, logger, store, after, isHeld };
  const routes = bridgeRoutes(bounded, { ...common, realms, codec: codecs.json, wallMs: Date.now });
  return (listener) => routes.filter((_route, index) => services[index]?.listeners.includes(listener) === true);
}
