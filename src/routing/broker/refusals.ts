import { fault, type Fault } from '../../wamp/faults.js';
import type { Uri } from '../../wamp/ids.js';
import { ErrorUri } from '../../wamp/uris.js';

export const NOT_SUBSCRIBED = fault(
  ErrorUri.NO_SUCH_SUBSCRIPTION,
  'this session has no such subscription: use the id that SUBSCRIBED gave it',
);

export function reservedTopic(topic: Uri): Fault {
  return fault(ErrorUri.INVALID_URI, `"${topic}" begins with "wamp", which is the router's: publish to another topic`);
}

export function subscriptionsExceeded(limit: number): Fault {
  return fault(
    ErrorUri.LIMIT_EXCEEDED,
    `this session holds its limit of ${limit} subscriptions (limits.maxSubscriptionsPerSession): unsubscribe from some first`,
  );
}
