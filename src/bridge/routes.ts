import type { HttpRoute } from '../transport/http/exchange.js';
import { EventsService } from './events.js';
import { RequestService } from './requests.js';
import type { BridgeDependencies, EventsOptions, WebhookOptions } from './service.js';
import { WebhookService } from './webhook.js';

export type AnyServiceOptions = EventsOptions & Partial<WebhookOptions>;

/** The routes of the services of the bridge. */
export function bridgeRoutes(services: readonly AnyServiceOptions[], dependencies: BridgeDependencies): HttpRoute[] {
  return services.map((service) => {
    if (service.type === 'events') return new EventsService(service, dependencies);
    return isWebhook(service) ? new WebhookService(service, dependencies) : new RequestService(service, dependencies);
  });
}

function isWebhook(service: AnyServiceOptions): service is AnyServiceOptions & WebhookOptions {
  return service.type === 'webhook';
}
