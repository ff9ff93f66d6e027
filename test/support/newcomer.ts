import type { Newcomer } from '../../src/session/ports.js';

/** Somebody who wants to join a realm. */
export function newcomer(authrole = 'role'): Newcomer {
  const transport = { type: 'websocket', protocol: 'wamp.2.json', serializer: 'json', peer: '127.0.0.1' };
  return { authid: 'authid', authrole, authmethod: 'anonymous', authprovider: 'static', transport };
}
