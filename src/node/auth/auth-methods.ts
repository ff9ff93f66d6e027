import { randomBytes, randomUUID } from 'node:crypto';
import {
  dynamicEntries,
  staticEntries,
  tokenAuthenticator,
  type AuthSection,
  type DynamicEntry,
  type StaticEntry,
} from '../../config/auth-entries.js';
import type { AuthConfig, RealmConfig, RealmTemplateConfig, TokenRules } from '../../config/schema.js';
import type { AuthenticatorEntry } from '../../session/auth/authenticator.js';
import { createAnonymous } from '../../session/auth/anonymous.js';
import { AUTHPROVIDER, sha256, type CredentialEntry, type Principals } from '../../session/auth/credentials.js';
import { createCryptosign, type CryptosignCredential } from '../../session/auth/cryptosign.js';
import type { AuthMethod } from '../../session/auth/method.js';
import type { Permission } from '../../session/authorization/permission.js';
import { createScram, type ScramCredential, type ScramDialect } from '../../session/auth/scram.js';
import { AUTOBAHN_SCRAM, WAMP_SCRAM } from '../../session/auth/scram-dialects.js';
import type { Logger } from '../../telemetry/logger.js';
import { createTokenMethod, TokenReader, type TokenVerifier } from '../../session/auth/token.js';
import type { TokenVerifierOptions } from './token-verifier.js';
import { createTls, type TlsCredential } from '../../session/auth/tls.js';
import { createTicket, type TicketCredential } from '../../session/auth/ticket.js';
import { createWampCra, deriveKey, type CraCredential } from '../../session/auth/wampcra.js';

type Rules = Pick<RealmConfig | RealmTemplateConfig, 'auth' | 'anonymousRole' | 'roles'>;
type TicketPrincipal = StaticEntry<'ticket'>['principals'][string];
type CraUser = StaticEntry<'wampcra'>['users'][string];
type ScramPrincipal = StaticEntry<'scram'>['principals'][string];
type CryptosignPrincipal = StaticEntry<'cryptosign'>['principals'][string];
type TlsPrincipal = StaticEntry<'tls'>['principals'][string];

const NONCE_BYTES = 32;

/**
 * The methods by which sessions may join a realm. Derives the keys of salted secrets: about a millisecond of CPU time for
 * each thousand rounds.
 */
export function authMethods({ auth = {}, anonymousRole, roles }: Rules, logger: Logger): readonly AuthMethod[] {
  const { jwt = [] } = auth;
  const readers = jwt.map((issuer) => tokenReader(issuer, roles, logger));
  const asTickets = readers.filter((_, index) => jwt[index]?.asTicket);
  const makers: readonly (readonly [section: AuthSection, make: () => AuthMethod])[] = [
    [
      'ticket',
      () =>
        createTicket(
          allPrincipals(staticEntries(auth, 'ticket'), ticketCredential),
          authenticators(auth, 'ticket'),
          asTickets,
        ),
    ],
    ['wampcra', () => craMethod(auth)],
    ['wampScram', () => scramMethod(auth, 'wampScram', WAMP_SCRAM)],
    ['scram', () => scramMethod(auth, 'scram', AUTOBAHN_SCRAM)],
    ['cryptosign', () => cryptosignMethod(auth)],
    ['tls', () => createTls(allPrincipals(staticEntries(auth, 'tls'), tlsCredential), authenticators(auth, 'tls'))],
  ];
  const isUsed = (section: AuthSection): boolean =>
    auth[section] !== undefined || (section === 'ticket' && asTickets.length > 0);
  return [
    ...makers.filter(([section]) => isUsed(section)).map(([, make]) => make()),
    ...(readers.length === 0 ? [] : [createTokenMethod(readers)]),
    createAnonymous({
      role: anonymousRole ?? undefined,
      authenticators: authenticators(auth, 'anonymous'),
      randomAuthid: randomUUID,
    }),
  ];
}

function tokenReader(issuer: TokenRules, roles: Rules['roles'], logger: Logger): TokenReader {
  const verifier = lateVerifier(issuer, {
    wallMs: Date.now,
    nowMs: () => performance.now(),
    onUnreadable: (url, error) => logger.error({ reason: url, error }, 'token.keys_unreadable'),
  });
  const { claims, role: fixedRole, closeOnExpiry } = issuer;
  const names = new Set(roles.map(({ name }) => name));
  const entry = tokenAuthenticator(issuer);
  const authenticator = entry && authenticatorEntry(entry);
  const rules = { ...claims, realm: claims.realm, fixedRole, closeOnExpiry, roles: names };
  return new TokenReader(verifier, rules, authenticator);
}

/** Loads the library at the first token: its files are many, and most nodes have no issuer. */
function lateVerifier(issuer: TokenRules, options: TokenVerifierOptions): TokenVerifier {
  let loading: Promise<TokenVerifier> | undefined;
  const load = (): Promise<TokenVerifier> =>
    import('./token-verifier.js').then(({ createTokenVerifier }) => createTokenVerifier(issuer, options));
  return { verify: async (token) => (await (loading ??= load())).verify(token) };
}

function craMethod(auth: AuthConfig): AuthMethod {
  const users = staticEntries(auth, 'wampcra').flatMap((entry) => Object.entries(entry.users));
  return createWampCra({
    principals: principals(users, craCredential),
    authenticators: authenticators(auth, 'wampcra'),
    nonce: () => randomBytes(NONCE_BYTES).toString('base64url'),
    wallMs: Date.now,
  });
}

function scramMethod(auth: AuthConfig, section: 'wampScram' | 'scram', dialect: ScramDialect): AuthMethod {
  return createScram({
    dialect,
    principals: allPrincipals(staticEntries(auth, section), scramCredential),
    authenticators: authenticators(auth, section),
    randomBytes,
  });
}

function cryptosignMethod(auth: AuthConfig): AuthMethod {
  return createCryptosign({
    principals: allPrincipals(staticEntries(auth, 'cryptosign'), cryptosignCredential),
    authenticators: authenticators(auth, 'cryptosign'),
    randomBytes,
  });
}

/** The procedures that a method asks, in the order of the list. */
function authenticators(auth: AuthConfig, section: AuthSection): readonly AuthenticatorEntry[] {
  return dynamicEntries(auth, section).map(authenticatorEntry);
}

function authenticatorEntry(entry: DynamicEntry): AuthenticatorEntry {
  const { authenticator: procedure, authenticatorRealm: realm, timeoutMs, mayChooseRealm, onUnavailable } = entry;
  const authenticator = { procedure, timeoutMs, mayChooseRealm, onUnavailable };
  return realm === undefined ? authenticator : { ...authenticator, realm };
}

interface Grants {
  readonly role: string;
  readonly permissions?: readonly Permission[];
}

/** The principals of all static entries of a method. */
function allPrincipals<Configured extends Grants, Credential>(
  entries: readonly { readonly principals: Readonly<Record<string, Configured>> }[],
  credentialOf: (configured: Configured) => Credential,
): Principals<Credential> {
  return principals(
    entries.flatMap((entry) => Object.entries(entry.principals)),
    credentialOf,
  );
}

function principals<Configured extends Grants, Credential>(
  all: readonly (readonly [authid: string, configured: Configured])[],
  credentialOf: (configured: Configured) => Credential,
): Principals<Credential> {
  return new Map(
    all.map(([authid, configured]): [string, CredentialEntry<Credential>] => [
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
