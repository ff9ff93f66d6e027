import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { argon2id } from './argon2.js';
import { CredentialError } from './credential-error.js';

export interface ScramKeysCommand {
  readonly kind: 'scram-keys';
  readonly dialect: 'wamp-scram' | 'scram';
  readonly kdf: 'pbkdf2' | 'argon2id';
  readonly iterations: number;
  /** Of argon2id only. */
  readonly memoryKiB: number | undefined;
  /** Hexadecimal digits. */
  readonly salt: string | undefined;
}

const HASH_BYTES = 32;

/** What the configuration has of a SCRAM principal, in the order of its reference. */
export async function scramKeys(
  { dialect, kdf, iterations, memoryKiB = 0, salt }: ScramKeysCommand,
  password: string,
  randomSalt: Uint8Array,
): Promise<Readonly<Record<string, string | number>>> {
  const saltBytes = salt === undefined ? Buffer.from(randomSalt) : Buffer.from(salt, 'hex');
  // Clients of autobahn's dialect take the password as it is.
  const normalized = dialect === 'wamp-scram' ? await prepared(password) : password;
  const hash =
    kdf === 'pbkdf2'
      ? pbkdf2Sync(normalized, saltBytes, iterations, HASH_BYTES, 'sha256')
      : await argon2id(normalized, { iterations, memoryKiB, salt: saltBytes });
  // And their key is the text of the hash, not the hash.
  const saltedPassword = dialect === 'wamp-scram' ? hash : hash.toString('base64').replace(/=+$/, '');
  const clientKey = hmac(saltedPassword, 'Client Key');
  return {
    kdf,
    iterations,
    ...(kdf === 'argon2id' && { memoryKiB }),
    salt: saltBytes.toString('hex'),
    storedKey: createHash('sha256').update(clientKey).digest('hex'),
    serverKey: hmac(saltedPassword, 'Server Key').toString('hex'),
  };
}

function hmac(key: string | Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** The password in the form that every client of the specification's dialect gives it (RFC 4013). */
async function prepared(password: string): Promise<string> {
  const { saslprep } = await import('@mongodb-js/saslprep');
  let result: string;
  try {
    result = saslprep(password);
  } catch {
    throw new CredentialError('the password has characters that SASLprep prohibits, or mixes directions of writing');
  }
  if (result === '') throw new CredentialError('nothing is left of the password after SASLprep');
  return result;
}
