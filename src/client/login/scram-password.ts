import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { argon2id } from './argon2.js';
import { LoginError } from './login.js';

const derive = promisify(pbkdf2);
const HASH_BYTES = 32;

/** `wamp-scram` of the specification, `scram` of autobahn-python and Crossbar.io. */
export type ScramDialectName = 'wamp-scram' | 'scram';

export interface ScramDerivation {
  readonly dialect: ScramDialectName;
  readonly kdf: 'pbkdf2' | 'argon2id';
  readonly iterations: number;
  /** Undefined for pbkdf2. */
  readonly memoryKiB: number | undefined;
  readonly salt: Uint8Array;
}

export interface ScramKeys {
  readonly clientKey: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** The keys of RFC 5802, as clients of a dialect make them from a password. Errors: LoginError. */
export async function scramKeysOf(password: string, derivation: ScramDerivation): Promise<ScramKeys> {
  const { dialect, kdf, iterations, memoryKiB = 0, salt } = derivation;
  // Clients of autobahn's dialect take the password as it is.
  const normalized = dialect === 'wamp-scram' ? await prepared(password) : password;
  const hash =
    kdf === 'pbkdf2'
      ? await derive(normalized, salt, iterations, HASH_BYTES, 'sha256')
      : await argon2id(normalized, { iterations, memoryKiB, salt });
  // Their key is the text of the hash, not the hash.
  const saltedPassword = dialect === 'wamp-scram' ? hash : hash.toString('base64').replace(/=+$/, '');
  const clientKey = hmac(saltedPassword, 'Client Key');
  return {
    clientKey,
    storedKey: createHash('sha256').update(clientKey).digest(),
    serverKey: hmac(saltedPassword, 'Server Key'),
  };
}

export function hmac(key: string | Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** The password in the form that every client of the specification's dialect gives it (RFC 4013). */
async function prepared(password: string): Promise<string> {
  const { saslprep } = await import('@mongodb-js/saslprep');
  let result: string;
  try {
    result = saslprep(password);
  } catch {
    throw new LoginError('the password has characters that SASLprep prohibits, or mixes directions of writing');
  }
  if (result === '') throw new LoginError('nothing is left of the password after SASLprep');
  return result;
}
