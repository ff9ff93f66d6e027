import { randomBytes, timingSafeEqual } from 'node:crypto';
import { own } from '../../wamp/dict.js';
import type { Dict } from '../../wamp/options.js';
import { LoginError, type LoginMethod } from './login.js';
import { isPositiveUpTo, MAX_CLIENT_ITERATIONS } from './logins.js';
import { hmac, scramKeysOf, type ScramDerivation, type ScramDialectName } from './scram-password.js';

const NONCE_BYTES = 16;
/** A GiB. More would let the router take the client's memory. */
const MAX_MEMORY_KIB = 1_048_576;
/** Memory times rounds: 16 GiB. argon2id blocks the event loop, so nothing could end the client before. */
const MAX_ARGON2_KIB = 16_777_216;
const MIN_SALT_BYTES = 8;

/** SCRAM without channel binding. The router has to prove in WELCOME that it knows the keys. */
export function scramLogin(dialect: ScramDialectName, authid: string, password: string): LoginMethod {
  const clientNonce = randomBytes(NONCE_BYTES).toString('base64');
  let expected: Buffer | undefined;
  return {
    method: dialect,
    authid,
    authextra: { nonce: clientNonce, channel_binding: null },
    async answer(extra) {
      const serverNonce = own(extra, 'nonce');
      if (typeof serverNonce !== 'string' || !continues(dialect, clientNonce, serverNonce))
        throw new LoginError(`the CHALLENGE for ${dialect} has no nonce that continues the one of HELLO`);
      const derivation = derivationOf(dialect, extra);
      const { clientKey, storedKey, serverKey } = await scramKeysOf(password, derivation);
      const message = authMessage({ authid, clientNonce, serverNonce, derivation });
      const signature = hmac(storedKey, message);
      expected = hmac(serverKey, message);
      const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)));
      const more: Dict = { nonce: serverNonce, channel_binding: null, cbind_data: null };
      return { signature: proof.toString('base64'), extra: more };
    },
    verify(authextra) {
      const given = own(authextra, dialect === 'scram' ? 'scram_server_signature' : 'verifier');
      const bytes = typeof given === 'string' ? Buffer.from(given, 'base64') : Buffer.alloc(0);
      if (expected === undefined || bytes.length !== expected.length || !timingSafeEqual(bytes, expected))
        throw new LoginError('the router did not prove that it knows the password: it may be another router');
    },
  };
}

/** The nonce of autobahn's dialect continues the bytes, that of the specification the text. */
function continues(dialect: ScramDialectName, clientNonce: string, serverNonce: string): boolean {
  if (dialect === 'wamp-scram') return serverNonce.startsWith(clientNonce) && serverNonce.length > clientNonce.length;
  const [ours, theirs] = [Buffer.from(clientNonce, 'base64'), Buffer.from(serverNonce, 'base64')];
  return theirs.length > ours.length && theirs.subarray(0, ours.length).equals(ours);
}

function derivationOf(dialect: ScramDialectName, extra: Dict): ScramDerivation {
  const [kdf, salt, iterations, memoryKiB] = ['kdf', 'salt', 'iterations', 'memory'].map((key) => own(extra, key));
  const bytes = typeof salt === 'string' ? Buffer.from(salt, 'base64') : Buffer.alloc(0);
  if (bytes.length < MIN_SALT_BYTES || !isPositiveUpTo(iterations, MAX_CLIENT_ITERATIONS))
    throw new LoginError(`the CHALLENGE for ${dialect} has a salt or iterations that cannot be used`);
  if (kdf === 'pbkdf2') return { dialect, kdf, salt: bytes, iterations, memoryKiB: undefined };
  if (typeof kdf !== 'string' || !/^argon2id-?13$/.test(kdf) || !isPositiveUpTo(memoryKiB, MAX_MEMORY_KIB))
    throw new LoginError(`the CHALLENGE for ${dialect} wants a key derivation that this client does not have`);
  if (memoryKiB * iterations > MAX_ARGON2_KIB)
    throw new LoginError(`the CHALLENGE for ${dialect} wants more work than this client does for a router`);
  return { dialect, kdf: 'argon2id', salt: bytes, iterations, memoryKiB };
}

interface Exchange {
  readonly authid: string;
  readonly clientNonce: string;
  readonly serverNonce: string;
  readonly derivation: ScramDerivation;
}

/** The text that both sides sign. */
function authMessage({ authid, clientNonce, serverNonce, derivation }: Exchange): string {
  const { dialect, salt, iterations } = derivation;
  const isAutobahn = dialect === 'scram';
  const name = isAutobahn ? authid : authid.replaceAll('=', '=3D').replaceAll(',', '=2C');
  return [
    `n=${name},r=${clientNonce}`,
    `r=${serverNonce},s=${Buffer.from(salt).toString('base64')},i=${iterations}`,
    `c=${isAutobahn ? '' : 'biws'},r=${serverNonce}`,
  ].join(',');
}
