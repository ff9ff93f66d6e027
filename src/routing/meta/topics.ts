import type { Uri } from '../../wamp/ids.js';

/** Topics on which only the router publishes. */
export const MetaTopic = {
  SESSION_JOINED: 'wamp.session.on_join',
  SESSION_LEFT: 'wamp.session.on_leave',
} as const satisfies Readonly<Record<string, Uri>>;
