import { Code } from '../wamp/codes.js';
import type { Welcome } from '../wamp/messages.js';
import { ROUTER_ROLES } from '../wamp/router-roles.js';
import type { Admission } from './handshake.js';

/** WELCOME with the identity the router decided on, whatever HELLO asked for (AUT-2). */
export function welcome({ door, session, principal, authmethod }: Admission, agent: string): Welcome {
  const { authid, authrole, authprovider, authextra } = principal;
  return [
    Code.WELCOME,
    session,
    {
      realm: door.uri,
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
