import { LoginError } from '../../client/login/login.js';
import { scramKeysOf } from '../../client/login/scram-password.js';
import { CredentialError } from './credential-error.js';

export interface ScramKeysCommand {
  readonly kind: 'scram-keys';
  readonly dialect: 'wamp-scram' | 'scram';
  readonly kdf: 'pbkdf2' | 'argon2id';
  readonly iterations: number;
  /** Used by argon2id only. */
  readonly memoryKiB: number | undefined;
  /** Hexadecimal digits. */
  readonly salt: string | undefined;
}

/** The fields of a SCRAM principal in the configuration, in the order of its reference. */
export async function scramKeys(
  { dialect, kdf, iterations, memoryKiB, salt }: ScramKeysCommand,
  password: string,
  randomSalt: Uint8Array,
): Promise<Readonly<Record<string, string | number>>> {
  const saltBytes = salt === undefined ? Buffer.from(randomSalt) : Buffer.from(salt, 'hex');
  try {
    const derivation = { dialect, kdf, iterations, memoryKiB, salt: saltBytes };
    const { storedKey, serverKey } = await scramKeysOf(password, derivation);
    return {
      kdf,
      iterations,
      ...(kdf === 'argon2id' && { memoryKiB: memoryKiB ?? 0 }),
      salt: saltBytes.toString('hex'),
      storedKey: storedKey.toString('hex'),
      serverKey: serverKey.toString('hex'),
    };
  } catch (error) {
    if (error instanceof LoginError) throw new CredentialError(error.message);
    throw error;
  }
}
