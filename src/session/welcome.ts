import { Code } from '../wamp/codes.js';
import type { Welcome } from '../wamp/messages.js';
import { ROUTER_ROLES } from '../wamp/router-roles.js';
import type { SessionTraits } from './established-session.js';
import type { HandshakeResult } from './handshake.js';

/** The session that the handshake has led to. */
export function traitsOf(result: HandshakeResult): SessionTraits {
  const { realm, session, principal, authmethod, transport, details, authorizer } = result;
  const { authid, authrole, authprovider, authextra, login } = principal;
  const identity = { session, realm: realm.uri, authid, authrole, authmethod, authprovider, authextra };
  return { ...identity, login, transport, features: details.features, authorizer };
}

/** WELCOME with the identity that the router has decided on, whatever HELLO asked for (AUT-2). */
export function welcome({ realm, session, principal, authmethod }: HandshakeResult, agent: string): Welcome {
  const { authid, authrole, authprovider, authextra, proof } = principal;
  return [
    Code.WELCOME,
    session,
    {
      realm: realm.uri,
      authid,
      authrole,
      authmethod,
      authprovider,
      ...(authextra === undefined && proof === undefined ? undefined : { authextra: { ...authextra, ...proof } }),
      roles: ROUTER_ROLES,
      agent,
    },
  ];
}
