import { own } from '../../wamp/dict.js';
import type { Dict } from '../../wamp/options.js';
import type { AuthenticatorEntry } from './authenticator.js';
import { DENIED, granted } from './credentials.js';
import { askAuthenticators } from './dynamic.js';
import type { AuthenticatorRequest, AuthMethod, AuthStep } from './method.js';
import { isUnavailable, type Unavailable } from '../ports.js';

/** A token that was verified: signature, issuer, audience and validity are right. */
export interface VerifiedToken {
  readonly claims: Dict;
  /** Milliseconds for which it is still valid. */
  readonly validForMs: number;
}

export interface TokenVerifier {
  /** Undefined: the token is not valid. `unavailable`: the keys of its issuer cannot be had now. */
  verify(token: string): Promise<VerifiedToken | Unavailable | undefined>;
}

/** How claims become a principal. */
export interface ClaimRules {
  readonly authid: string;
  /** Claim with the role, or with a list of roles. */
  readonly role: string;
  /** Role whatever the token claims. */
  readonly fixedRole: string | undefined;
  /** Claim that must name the realm, or list it. */
  readonly realm: string | undefined;
  readonly authextra: readonly string[];
  /** Roles of the realm. */
  readonly roles: ReadonlySet<string>;
  readonly closeOnExpiry: boolean;
}

/** The authprovider of sessions with a token, also where it was sent as a ticket. */
export const TOKEN_PROVIDER = 'jwt';
const MAX_TOKEN_LENGTH = 16_384;
/** Controls, and halves of surrogate pairs, which all have the same UTF-8. */
const UNPRINTABLE = /[\p{Control}\p{Surrogate}]/u;
const MAX_AUTHID_LENGTH = 255;

/** Turns a token into the principal that it speaks for. */
export class TokenReader {
  readonly #verifier: TokenVerifier;
  readonly #rules: ClaimRules;
  readonly #authenticator: AuthenticatorEntry | undefined;

  /** `authenticator`: decides in place of the claims. */
  constructor(verifier: TokenVerifier, rules: ClaimRules, authenticator?: AuthenticatorEntry) {
    this.#verifier = verifier;
    this.#rules = rules;
    this.#authenticator = authenticator;
  }

  /** Refused: the token is not valid for this realm, or names no principal. */
  async decide(token: string, request: AuthenticatorRequest): Promise<AuthStep> {
    if (token.length > MAX_TOKEN_LENGTH) return DENIED;
    const verified = await this.#verifier.verify(token);
    if (verified === undefined) return DENIED;
    if (isUnavailable(verified)) return { kind: 'postponed', reason: verified };
    const { claims } = verified;
    const { realm } = this.#rules;
    if (realm !== undefined && !texts(claimOf(claims, realm)).includes(request.realm)) return DENIED;
    return this.#authenticator === undefined
      ? this.#byClaims(verified)
      : this.#ask(verified, this.#authenticator, request);
  }

  #byClaims({ claims, validForMs }: VerifiedToken): AuthStep {
    const rules = this.#rules;
    const authid = this.#authid(claims);
    const authrole = rules.fixedRole ?? this.#role(texts(claimOf(claims, rules.role)));
    if (authid === undefined || authrole === undefined) return DENIED;
    const extra = rules.authextra.flatMap((name) => {
      const value = claimOf(claims, name);
      return isPlain(value) || (Array.isArray(value) && value.every(isPlain)) ? [[name, value] as const] : [];
    });
    return granted({
      authid,
      authrole,
      authprovider: TOKEN_PROVIDER,
      ...(extra.length === 0 ? undefined : { authextra: Object.fromEntries(extra) }),
      ...(rules.closeOnExpiry ? { validForMs } : undefined),
    });
  }

  /** The session still belongs to the issuer of its token, and ends with it. */
  async #ask(
    { claims, validForMs }: VerifiedToken,
    authenticator: AuthenticatorEntry,
    request: AuthenticatorRequest,
  ): Promise<AuthStep> {
    const finding = await askAuthenticators([authenticator], request, {
      method: 'jwt',
      details: { claims },
      authid: this.#authid(claims),
      isRoleEnough: true,
      credentialOf: () => ({}),
    });
    if (finding.kind === 'undecided') return finding.step;
    if (finding.kind === 'unknown') return DENIED;
    const principal = { ...finding.entry.principal, authprovider: TOKEN_PROVIDER };
    return granted(this.#rules.closeOnExpiry ? { ...principal, validForMs } : principal);
  }

  #authid(claims: Dict): string | undefined {
    const authid = claimOf(claims, this.#rules.authid);
    if (typeof authid !== 'string' || authid === '' || authid.length > MAX_AUTHID_LENGTH) return undefined;
    return UNPRINTABLE.test(authid) ? undefined : authid;
  }

  #role(claimed: readonly string[]): string | undefined {
    return claimed.find((role) => this.#rules.roles.has(role));
  }
}

/** The method `jwt`: the client sends a token when it is challenged. Its authid is that of the token, not of HELLO. */
export function createTokenMethod(readers: readonly TokenReader[]): AuthMethod {
  return {
    name: 'jwt',
    ignoresAuthid: true,
    begin: (request) => ({
      kind: 'challenge',
      extra: {},
      answer: (token) => decideByToken(readers, token, request),
    }),
    renew: (token, request) => decideByToken(readers, token, request),
  };
}

/** Asks the readers in order; the first that takes the token decides. */
export async function decideByToken(
  readers: readonly TokenReader[],
  token: string,
  request: AuthenticatorRequest,
): Promise<AuthStep> {
  let undecided: AuthStep | undefined;
  for (const reader of readers) {
    const step = await reader.decide(token, request);
    if (step.kind === 'granted') return step;
    if (step !== DENIED) undecided ??= step;
  }
  return undecided ?? DENIED;
}

/** A claim of that name, or else the one at the end of the path that the name is: `realm_access.roles`. */
function claimOf(claims: Dict, name: string): unknown {
  const direct = own(claims, name);
  if (direct !== undefined) return direct;
  let value: unknown = claims;
  for (const step of name.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    value = own(value as Dict, step);
  }
  return value;
}

/** Claims with anything deeper do not become authextra, nor what JSON cannot represent: WELCOME is sent in any serializer. */
function isPlain(value: unknown): boolean {
  if (typeof value === 'string') return !value.startsWith('\0');
  return typeof value === 'number' ? Number.isFinite(value) : typeof value === 'boolean';
}

function texts(claim: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return all.filter((one) => typeof one === 'string');
}
