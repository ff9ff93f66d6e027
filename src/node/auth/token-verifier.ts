import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { decodeProtectedHeader, errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from 'jose';
import type { TokenRules } from '../../config/schema.js';
import type { TokenVerifier, VerifiedToken } from '../../session/auth/token.js';
import { isUnavailable } from '../../session/ports.js';
import { PublishedKeys, type PublishedKeysOptions } from './published-keys.js';

interface VerificationKey {
  readonly algorithm: string;
  readonly kid: string | undefined;
  readonly key: KeyObject;
}

export interface TokenVerifierOptions extends PublishedKeysOptions {
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
}

const MS_PER_SECOND = 1_000;

/**
 * Verifies JSON Web Tokens (RFC 7519) of one issuer. A key is used with its own algorithm alone, whatever the token names; a
 * token without `exp` is not valid.
 */
export function createTokenVerifier(rules: TokenRules, options: TokenVerifierOptions): TokenVerifier {
  const { issuer, audience, clockToleranceS } = rules;
  const keys = rules.keys.map(verificationKey);
  const published = rules.jwksUrl === undefined ? undefined : new PublishedKeys(rules.jwksUrl, options);
  const wanted = {
    ...(issuer === undefined ? undefined : { issuer }),
    ...(audience === undefined ? undefined : { audience: typeof audience === 'string' ? audience : [...audience] }),
    clockTolerance: clockToleranceS,
    requiredClaims: ['exp'],
  };
  const verified = (payload: JWTPayload): VerifiedToken => ({
    claims: payload,
    validForMs: ((payload.exp ?? 0) + clockToleranceS) * MS_PER_SECOND - options.wallMs(),
  });

  const verify = async (token: string): ReturnType<TokenVerifier['verify']> => {
    const { alg, kid } = decodeProtectedHeader(token);
    const now = { ...wanted, currentDate: new Date(options.wallMs()) };
    for (const { algorithm, kid: ownKid, key } of keys) {
      if (algorithm !== alg || (ownKid !== undefined && kid !== undefined && ownKid !== kid)) continue;
      const payload = await payloadBy(key, token, { ...now, algorithms: [algorithm] });
      if (payload !== undefined) return verified(payload);
    }
    const payload = await published?.verify(token, { ...now, algorithms: [...rules.algorithms] });
    return payload === undefined || isUnavailable(payload) ? payload : verified(payload);
  };

  return {
    verify: (token) =>
      verify(token).catch((error: unknown) => {
        if (isFlaw(error)) return undefined;
        throw error;
      }),
  };
}

/** Undefined: another key may be the right one. */
async function payloadBy(key: KeyObject, token: string, wanted: JWTVerifyOptions): Promise<JWTPayload | undefined> {
  try {
    return (await jwtVerify(token, key, wanted)).payload;
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) return undefined;
    throw error;
  }
}

/** The library reports flaws of a token by errors of its own, and a head that cannot be read by a TypeError. */
function isFlaw(error: unknown): boolean {
  return error instanceof errors.JOSEError || error instanceof TypeError;
}

function verificationKey({ algorithm, kid, ...source }: TokenRules['keys'][number]): VerificationKey {
  const key = 'secret' in source ? createSecretKey(source.secret, 'utf8') : createPublicKey(source.publicKey);
  return { algorithm, kid, key };
}
