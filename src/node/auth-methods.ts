import { randomBytes, randomUUID } from 'node:crypto';
import type { AuthConfig, RealmConfig, RealmTemplateConfig, TokenRules } from '../config/schema.js';
import { createAnonymous } from '../session/auth/anonymous.js';
import { AUTHPROVIDER, sha256, type Entry, type Principals } from '../session/auth/credentials.js';
import { createCryptosign, type CryptosignCredential } from '../session/auth/cryptosign.js';
import type { AuthMethod } from '../session/auth/method.js';
import type { Permission } from '../session/authorization/permission.js';
import { createScram, type ScramCredential } from '../session/auth/scram.js';
import { AUTOBAHN_SCRAM, WAMP_SCRAM } from '../session/auth/scram-dialects.js';
import type { Logger } from '../telemetry/logger.js';
import { createTokenMethod, TokenReader } from '../session/auth/token.js';
import { createTokenVerifier } from './token-verifier.js';
import { createTls, type TlsCredential } from '../session/auth/tls.js';
import { createTicket, type TicketCredential } from '../session/auth/ticket.js';
import { createWampCra, deriveKey, type CraCredential } from '../session/auth/wampcra.js';

type Rules = Pick<RealmConfig | RealmTemplateConfig, 'auth' | 'anonymousRole' | 'roles'>;
type TicketPrincipal = NonNullable<AuthConfig['ticket']>['principals'][string];
type CraUser = NonNullable<AuthConfig['wampcra']>['users'][string];
type ScramPrincipal = NonNullable<AuthConfig['scram']>['principals'][string];
type TlsPrincipal = NonNullable<AuthConfig['tls']>['principals'][string];
type CryptosignPrincipal = NonNullable<AuthConfig['cryptosign']>['principals'][string];

const NONCE_BYTES = 32;

/**
 * The methods by which sessions may join a realm. Derives the keys of salted secrets: about a millisecond of CPU time for
 * each thousand rounds.
 */
export function authMethods({ auth = {}, anonymousRole, roles }: Rules, logger: Logger): readonly AuthMethod[] {
  const { ticket, wampcra, wampScram, scram, cryptosign, jwt, tls } = auth;
  return [
    ...(ticket === undefined ? [] : [createTicket(principals(ticket.principals, ticketCredential))]),
    ...(wampcra === undefined
      ? []
      : [
          createWampCra({
            principals: principals(wampcra.users, craCredential),
            nonce: () => randomBytes(NONCE_BYTES).toString('base64url'),
            wallMs: Date.now,
          }),
        ]),
    ...(wampScram === undefined ? [] : [scramMethod(WAMP_SCRAM, wampScram.principals)]),
    ...(scram === undefined ? [] : [scramMethod(AUTOBAHN_SCRAM, scram.principals)]),
    ...(cryptosign === undefined
      ? []
      : [createCryptosign({ principals: principals(cryptosign.principals, cryptosignCredential), randomBytes })]),
    ...(jwt === undefined ? [] : [createTokenMethod(tokenReaders(jwt, roles, logger))]),
    ...(tls === undefined ? [] : [createTls(principals(tls.principals, tlsCredential))]),
    createAnonymous({ role: anonymousRole ?? undefined, randomAuthid: randomUUID }),
  ];
}

/** One for each issuer. */
function tokenReaders(issuers: readonly TokenRules[], roles: Rules['roles'], logger: Logger): readonly TokenReader[] {
  const names = new Set(roles.map(({ name }) => name));
  return issuers.map((issuer) => {
    const verifier = createTokenVerifier(issuer, {
      wallMs: Date.now,
      nowMs: () => performance.now(),
      onUnreadable: (url, error) => logger.error({ reason: url, error }, 'token.keys_unreadable'),
    });
    const { claims, role: fixedRole, closeOnExpiry } = issuer;
    return new TokenReader(verifier, { ...claims, realm: claims.realm, fixedRole, closeOnExpiry, roles: names });
  });
}

function scramMethod(dialect: typeof WAMP_SCRAM, all: Readonly<Record<string, ScramPrincipal>>): AuthMethod {
  return createScram({ dialect, principals: principals(all, scramCredential), randomBytes });
}

interface Grants {
  readonly role: string;
  readonly permissions?: readonly Permission[];
}

function principals<Configured extends Grants, Credential>(
  all: Readonly<Record<string, Configured>>,
  credentialOf: (configured: Configured) => Credential,
): Principals<Credential> {
  return new Map(
    Object.entries(all).map(([authid, configured]): [string, Entry<Credential>] => [
      authid,
      {
        principal: {
          authid,
          authrole: configured.role,
          authprovider: AUTHPROVIDER,
          permissions: configured.permissions ?? [],
        },
        credential: credentialOf(configured),
      },
    ]),
  );
}

function ticketCredential({ ticket, ticketSha256 = '' }: TicketPrincipal): TicketCredential {
  return { ticketSha256: ticket === undefined ? Buffer.from(ticketSha256, 'hex') : sha256(ticket) };
}

function craCredential({ secret = '', derivedKey, salt, iterations, keylen }: CraUser): CraCredential {
  if (salt === undefined) return { key: secret };
  const salted = { salt, iterations, keylen };
  return { key: derivedKey ?? deriveKey(secret, salted), salted };
}

function scramCredential({ kdf, iterations, memoryKiB = 0, ...keys }: ScramPrincipal): ScramCredential {
  return {
    kdf: kdf === 'pbkdf2' ? { kind: kdf, iterations } : { kind: kdf, iterations, memoryKiB },
    salt: Buffer.from(keys.salt, 'hex'),
    storedKey: Buffer.from(keys.storedKey, 'hex'),
    serverKey: Buffer.from(keys.serverKey, 'hex'),
  };
}

function tlsCredential({ certificateSha256 = [], commonName }: TlsPrincipal): TlsCredential {
  return { certificates: certificateSha256, commonName };
}

function cryptosignCredential({ authorizedKeys }: CryptosignPrincipal): CryptosignCredential {
  return { authorizedKeys: authorizedKeys.map((key) => key.toLowerCase()) };
}
