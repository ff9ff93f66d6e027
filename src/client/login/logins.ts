import { createHmac, createPrivateKey, createPublicKey, pbkdf2, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { own } from '../../wamp/dict.js';
import type { Dict } from '../../wamp/options.js';
import { LoginError, type LoginMethod } from './login.js';

const derive = promisify(pbkdf2);

/** More would occupy the client for minutes, at the router's wish. */
export const MAX_CLIENT_ITERATIONS = 10_000_000;
const MAX_KEYLEN = 1_024;
const SEED = /^[0-9a-f]{64}$/i;
/** DER in front of the 32 bytes of an Ed25519 seed (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const KEY_BYTES = 32;

/** A method without CHALLENGE: `anonymous`, `cookie`, `tls`. */
export function plainLogin(method: string, authid: string | undefined): LoginMethod {
  return { method, ...(authid !== undefined && { authid }) };
}

/** `ticket`, and `jwt`, whose ticket is a token. */
export function ticketLogin(method: string, authid: string | undefined, ticket: string): LoginMethod {
  return { ...plainLogin(method, authid), answer: () => ({ signature: ticket, extra: {} }) };
}

export function craLogin(authid: string, secret: string): LoginMethod {
  return {
    method: 'wampcra',
    authid,
    async answer(extra) {
      const challenge = own(extra, 'challenge');
      if (typeof challenge !== 'string') throw new LoginError('the CHALLENGE for wampcra has no text to sign');
      const key = await craKey(secret, extra);
      return { signature: createHmac('sha256', key).update(challenge).digest('base64'), extra: {} };
    },
  };
}

async function craKey(secret: string, extra: Dict): Promise<string> {
  const salt = own(extra, 'salt');
  if (salt === undefined) return secret;
  const iterations = own(extra, 'iterations') ?? 1_000;
  const keylen = own(extra, 'keylen') ?? KEY_BYTES;
  if (
    typeof salt !== 'string' ||
    !isPositiveUpTo(iterations, MAX_CLIENT_ITERATIONS) ||
    !isPositiveUpTo(keylen, MAX_KEYLEN)
  )
    throw new LoginError('the CHALLENGE for wampcra has a salt, iterations or keylen that cannot be used');
  return (await derive(secret, salt, iterations, keylen, 'sha256')).toString('base64');
}

/** `seed`: 64 hexadecimal digits. Without authid the router finds the principal by the key. */
export function cryptosignLogin(authid: string | undefined, seed: string): LoginMethod {
  if (!SEED.test(seed)) throw new LoginError('the private key is not 64 hexadecimal digits');
  const der = Buffer.concat([PKCS8_PREFIX, Buffer.from(seed, 'hex')]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const pubkey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES).toString('hex');
  return {
    ...plainLogin('cryptosign', authid),
    authextra: { pubkey, channel_binding: null },
    answer(extra) {
      const challenge = own(extra, 'challenge');
      if (typeof challenge !== 'string' || !SEED.test(challenge))
        throw new LoginError('the CHALLENGE for cryptosign is not 32 bytes as hexadecimal digits');
      const signature = sign(null, Buffer.from(challenge, 'hex'), key).toString('hex');
      return { signature: signature + challenge, extra: {} };
    },
  };
}

export function isPositiveUpTo(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most;
}
