import { createPublicKey, type KeyObject } from 'node:crypto';

/** Algorithms of JSON Web Tokens (RFC 7518, RFC 8037), by the kind of key: one kind is never taken for the other. */
export const symmetricAlgorithms = ['HS256', 'HS384', 'HS512'] as const;
export const asymmetricAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

type AsymmetricAlgorithm = (typeof asymmetricAlgorithms)[number];

const MIN_RSA_BITS = 2_048;
const CURVES: Readonly<Partial<Record<AsymmetricAlgorithm, string>>> = {
  ES256: 'prime256v1',
  ES384: 'secp384r1',
  ES512: 'secp521r1',
};

/** Why a key cannot verify tokens of the algorithm; undefined: it can. */
export function keyFlaw(algorithm: AsymmetricAlgorithm, pem: string): string | undefined {
  if (pem.includes('PRIVATE KEY')) return 'it is a private key, which the issuer alone must have: give its public key';
  const key = publicKeyOf(pem);
  if (key === undefined) return 'expected a public key as PEM (-----BEGIN PUBLIC KEY-----)';
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const curve = CURVES[algorithm];
  if (algorithm === 'EdDSA') return type === 'ed25519' ? undefined : 'EdDSA needs an Ed25519 key';
  if (curve !== undefined)
    return type === 'ec' && details?.namedCurve === curve
      ? undefined
      : `${algorithm} needs a key on the curve ${curve}`;
  if (type !== 'rsa') return `${algorithm} needs an RSA key`;
  return (details?.modulusLength ?? 0) < MIN_RSA_BITS ? `an RSA key needs at least ${MIN_RSA_BITS} bits` : undefined;
}

function publicKeyOf(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}
