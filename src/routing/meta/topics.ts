import type { Uri } from '../../wamp/ids.js';

/** Topics on which only the router publishes. */
export const MetaTopic = {
  SESSION_JOINED: 'wamp.session.on_join',
  SESSION_LEFT: 'wamp.session.on_leave',
  REGISTRATION_CREATED: 'wamp.registration.on_create',
  CALLEE_ADDED: 'wamp.registration.on_register',
  CALLEE_REMOVED: 'wamp.registration.on_unregister',
  REGISTRATION_DELETED: 'wamp.registration.on_delete',
  SUBSCRIPTION_CREATED: 'wamp.subscription.on_create',
  SUBSCRIBER_ADDED: 'wamp.subscription.on_subscribe',
  SUBSCRIBER_REMOVED: 'wamp.subscription.on_unsubscribe',
  SUBSCRIPTION_DELETED: 'wamp.subscription.on_delete',
} as const satisfies Readonly<Record<string, Uri>>;
