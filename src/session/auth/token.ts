import { own } from '../../wamp/dict.js';
import type { Uri } from '../../wamp/ids.js';
import type { Dict } from '../../wamp/options.js';
import { DENIED, granted } from './credentials.js';
import type { AuthMethod, AuthStep, Principal } from './method.js';
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
  /** Of the realm. */
  readonly roles: ReadonlySet<string>;
  readonly closeOnExpiry: boolean;
}

/** The authprovider of sessions with a token, also where it was sent as a ticket. */
export const TOKEN_PROVIDER = 'jwt';
const MAX_TOKEN_LENGTH = 16_384;
/** Controls, and halves of surrogate pairs, which UTF-8 cannot tell apart. */
const UNPRINTABLE = /[\p{Control}\p{Surrogate}]/u;
const MAX_AUTHID_LENGTH = 255;

/** Turns a token into the principal that it speaks for. */
export class TokenReader {
  readonly #verifier: TokenVerifier;
  readonly #rules: ClaimRules;

  constructor(verifier: TokenVerifier, rules: ClaimRules) {
    this.#verifier = verifier;
    this.#rules = rules;
  }

  /** Undefined: the token is not valid for this realm, or names no principal. */
  async principal(token: string, realm: Uri): Promise<Principal | Unavailable | undefined> {
    if (token.length > MAX_TOKEN_LENGTH) return undefined;
    const verified = await this.#verifier.verify(token);
    if (verified === undefined || isUnavailable(verified)) return verified;
    const { claims, validForMs } = verified;
    const rules = this.#rules;
    if (rules.realm !== undefined && !texts(claimOf(claims, rules.realm)).includes(realm)) return undefined;
    const authid = claimOf(claims, rules.authid);
    const authrole = rules.fixedRole ?? this.#role(texts(claimOf(claims, rules.role)));
    if (typeof authid !== 'string' || authid === '' || authid.length > MAX_AUTHID_LENGTH) return undefined;
    if (UNPRINTABLE.test(authid)) return undefined;
    if (authrole === undefined) return undefined;
    const extra = rules.authextra.flatMap((name) => {
      const value = claimOf(claims, name);
      return isPlain(value) || (Array.isArray(value) && value.every(isPlain)) ? [[name, value] as const] : [];
    });
    return {
      authid,
      authrole,
      authprovider: TOKEN_PROVIDER,
      ...(extra.length === 0 ? undefined : { authextra: Object.fromEntries(extra) }),
      ...(rules.closeOnExpiry ? { validForMs } : undefined),
    };
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
    begin: ({ realm }) => ({
      kind: 'challenge',
      extra: {},
      answer: async (token): Promise<AuthStep> => {
        const principal = await principalOf(readers, token, realm);
        if (principal === undefined) return DENIED;
        return isUnavailable(principal) ? { kind: 'postponed', reason: principal } : granted(principal);
      },
    }),
    renew: (token, realm) => principalOf(readers, token, realm),
  };
}

/** By the first reader that takes the token. */
export async function principalOf(
  readers: readonly TokenReader[],
  token: string,
  realm: Uri,
): Promise<Principal | Unavailable | undefined> {
  let missing: Unavailable | undefined;
  for (const reader of readers) {
    const principal = await reader.principal(token, realm);
    if (principal !== undefined && !isUnavailable(principal)) return principal;
    missing ??= principal;
  }
  return missing;
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

/** Claims with anything deeper do not become authextra. */
function isPlain(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function texts(claim: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return all.filter((one) => typeof one === 'string');
}
