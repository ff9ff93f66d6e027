import type { CredentialEntry, Principals } from '../../../../src/session/auth/credentials.js';
import type { Authenticators } from '../../../../src/session/auth/authenticator.js';
import type { AuthMethod, AuthStep } from '../../../../src/session/auth/method.js';
import { NO_AUTHENTICATORS } from '../../../support/session-harness.js';
import type { SessionId } from '../../../../src/wamp/ids.js';
import type { Dict } from '../../../../src/wamp/options.js';

export const SESSION = 3_251_278_072_152_162 as SessionId;

export const TRANSPORT = { type: 'websocket', protocol: 'wamp.2.json', serializer: 'json', peer: '192.0.2.7' };

export function principals<Credential>(
  entries: Readonly<Record<string, Credential>>,
  authrole = 'user',
): Principals<Credential> {
  return new Map(
    Object.entries(entries).map(([authid, credential]): [string, CredentialEntry<Credential>] => [
      authid,
      { principal: { authid, authrole, authprovider: 'static' }, credential },
    ]),
  );
}

/** Begins an attempt of a client that sends this HELLO. */
export async function begin(
  method: AuthMethod,
  authid: string | undefined,
  authextra?: Dict,
  authenticators?: Authenticators,
  channelId?: Uint8Array,
): Promise<AuthStep> {
  return method.begin({
    realm: 'com.example.realm',
    details: {
      features: {},
      authmethods: [method.name],
      ...(authid === undefined ? undefined : { authid }),
      ...(authextra === undefined ? undefined : { authextra }),
    },
    remoteAddress: TRANSPORT.peer,
    channelId,
    transport: TRANSPORT,
    session: () => SESSION,
    authenticators: authenticators ?? NO_AUTHENTICATORS,
    signal: new AbortController().signal,
  });
}

export async function challenged(
  method: AuthMethod,
  authid: string | undefined,
  authextra?: Dict,
  authenticators?: Authenticators,
  channelId?: Uint8Array,
): Promise<Extract<AuthStep, { kind: 'challenge' }>> {
  const step = await begin(method, authid, authextra, authenticators, channelId);
  if (step.kind !== 'challenge') throw new Error(`not challenged but ${JSON.stringify(step)}`);
  return step;
}
