import { payloadOf, unportable } from '../../codec/payload.js';
import type { ClientCertificate } from '../../transport/opening/client-certificate.js';
import { isDict, isPortableText, own } from '../../wamp/dict.js';
import { fault } from '../../wamp/faults.js';
import type { Uri } from '../../wamp/ids.js';
import type { Dict, List } from '../../wamp/options.js';
import { ErrorUri } from '../../wamp/uris.js';
import { unavailable } from '../ports.js';
import type { AuthenticatorEntry } from './authenticator.js';
import { unusable, type CredentialEntry } from './credentials.js';
import type { AuthenticatorRequest, AuthStep, Principal } from './method.js';

export const DYNAMIC = 'dynamic';

/** Outcome of asking the authenticators of one method about a client. */
export type Finding<Credential> =
  | { readonly kind: 'found'; readonly entry: CredentialEntry<Credential> }
  /** Every authenticator refused the client. */
  | { readonly kind: 'unknown' }
  /** No decision could be had. */
  | { readonly kind: 'undecided'; readonly step: AuthStep };

/** The question of one method. */
export interface AuthenticatorQuestion<Credential> {
  readonly method: string;
  /** For `details`, besides what every method sends. */
  readonly details?: Dict;
  /** Taken where the result names no authid. */
  readonly authid: string | undefined;
  /** A result may be the name of a role alone. */
  readonly isRoleEnough: boolean;
  /** Reads the credential of a result. A string: the flaw. */
  credentialOf(result: Dict): Credential | string | Promise<Credential | string>;
}

/** Asks the authenticators one after the other, until one knows the client. */
export async function askAuthenticators<Credential>(
  authenticators: readonly AuthenticatorEntry[],
  request: AuthenticatorRequest,
  question: AuthenticatorQuestion<Credential>,
): Promise<Finding<Credential>> {
  const details = detailsOf(request, question);
  const args = [request.realm, request.details.authid ?? null, details];
  const flaw = flawOf(request, args);
  if (flaw !== undefined) return { kind: 'undecided', step: unusable(flaw) };
  for (const authenticator of authenticators) {
    const { procedure, realm = request.realm, timeoutMs } = authenticator;
    const reply = await request.authenticators.ask({ procedure, realm, timeoutMs, args }, request.signal);
    if (reply.kind === 'refused') continue;
    if (reply.kind === 'failed') return { kind: 'undecided', step: undecided(authenticator) };
    const entry = await entryOf(reply.value, authenticator, request, question);
    if (typeof entry !== 'string') return { kind: 'found', entry };
    request.authenticators.unusable({ procedure, realm }, entry);
    return { kind: 'undecided', step: undecided(authenticator) };
  }
  return { kind: 'unknown' };
}

/** The reason why no authenticator can be asked about the client: the fault is its own, and the same each time. */
function flawOf({ details }: AuthenticatorRequest, args: List): string | undefined {
  if ((details.authid?.length ?? 0) > MAX_NAME_LENGTH)
    return `HELLO.Details.authid is longer than ${MAX_NAME_LENGTH} characters`;
  const flaw = unportable(payloadOf(args));
  return flaw === undefined ? undefined : `no authenticator can receive what this client sends: ${flaw}`;
}

/** A temporary failure is no ABORT: most client libraries would give up for good (ADR 19). */
export function undecided({ onUnavailable }: AuthenticatorEntry): AuthStep {
  const message = 'the router cannot decide on this session now: try again later';
  if (onUnavailable === 'close') return { kind: 'postponed', reason: unavailable('undecided', message) };
  return { kind: 'refused', fault: fault(ErrorUri.AUTHENTICATION_FAILED, message) };
}

/** The keys that authenticators of Crossbar.io know, in the spelling of both of its generations. */
function detailsOf<Credential>(
  request: AuthenticatorRequest,
  { method, details }: AuthenticatorQuestion<Credential>,
): Dict {
  const { authid, authrole, authextra } = request.details;
  const { type, protocol, serializer, peer } = request.transport;
  const { certificate, isSecure = false, headers = {} } = request;
  const shown = certificate && certificateDict(certificate);
  return {
    session: request.session(),
    authmethod: method,
    authid: authid ?? null,
    authrole: authrole ?? null,
    authextra: authextra ?? null,
    transport: {
      type,
      protocol,
      peer,
      channel_type: type,
      channel_serializer: serializer,
      websocket_protocol: protocol,
      is_secure: isSecure,
      http_headers_received: { ...headers },
      ...(shown === undefined ? undefined : { peer_cert: shown, client_cert: shown }),
    },
    ...details,
  };
}

function certificateDict({ sha256, commonName, subject }: ClientCertificate): Dict {
  return {
    // OpenSSL prints fingerprints in this form.
    sha256: sha256.toUpperCase().replace(/(..)(?=.)/g, '$1:'),
    cn: commonName ?? null,
    subject: subject ?? {},
  };
}

/** A string: the flaw of the result. */
async function entryOf<Credential>(
  value: unknown,
  authenticator: AuthenticatorEntry,
  request: AuthenticatorRequest,
  question: AuthenticatorQuestion<Credential>,
): Promise<CredentialEntry<Credential> | string> {
  const result = typeof value === 'string' && question.isRoleEnough ? { role: value } : value;
  if (!isDict(result)) return question.isRoleEnough ? 'it is neither a string nor a dict' : 'it is no dict';
  const principal = principalOf(result, authenticator, request.realm, question.authid);
  if (typeof principal === 'string') return principal;
  const credential = await question.credentialOf(result);
  return typeof credential === 'string' ? credential : { principal, credential };
}

const MAX_NAME_LENGTH = 255;

function principalOf(
  result: Dict,
  authenticator: AuthenticatorEntry,
  requested: Uri,
  claimed: string | undefined,
): Principal | string {
  const role = own(result, 'role');
  const authid = own(result, 'authid') ?? claimed;
  const realm = own(result, 'realm') ?? requested;
  const extra = own(result, 'extra');
  if (!isName(role)) return 'role is missing, or no name';
  if (!isName(authid)) return 'authid is missing, or no name: the client sent none';
  if (!isName(realm)) return 'realm is no name';
  if (realm !== requested && !authenticator.mayChooseRealm)
    return 'realm is another than the client wants to join, and mayChooseRealm is not set';
  if (extra !== undefined && !isDict(extra)) return 'extra is no dict';
  // WELCOME and meta events are sent in any serializer.
  const flaw = extra && unportable(payloadOf([extra]));
  if (flaw !== undefined) return `extra cannot be represented in ${flaw}`;
  return {
    authid,
    authrole: role,
    authprovider: DYNAMIC,
    ...(extra === undefined ? undefined : { authextra: extra }),
    ...(realm === requested ? undefined : { realm }),
    authenticator,
  };
}

function isName(value: unknown): value is string {
  return isPortableText(value) && value !== '' && value.length <= MAX_NAME_LENGTH;
}
