import { Code } from '../wamp/codes.js';
import type { Welcome } from '../wamp/messages.js';
import { ROUTER_ROLES } from '../wamp/router-roles.js';
import type { HandshakeResult } from './handshake.js';

/** WELCOME with the identity that the router has decided on, whatever HELLO asked for (AUT-2). */
export function welcome({ realm, session, principal, authmethod }: HandshakeResult, agent: string): Welcome {
  const { authid, authrole, authprovider, authextra } = principal;
  return [
    Code.WELCOME,
    session,
    {
      realm: realm.uri,
      authid,
      authrole,
      authmethod,
      authprovider,
      ...(authextra === undefined ? undefined : { authextra }),
      roles: ROUTER_ROLES,
      agent,
    },
  ];
}
