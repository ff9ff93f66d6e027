import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { deriveKey } from '../../session/auth/wampcra.js';
import { unreachable } from '../../wamp/unreachable.js';
import { CredentialError } from './credential-error.js';
import { scramKeys, type ScramKeysCommand } from './scram-keys.js';

export type CredentialCommand =
  | { readonly kind: 'keygen'; readonly out: string | undefined }
  | {
      readonly kind: 'cra-key';
      readonly salt: string | undefined;
      readonly iterations: number;
      readonly keylen: number;
    }
  | { readonly kind: 'hash-ticket' }
  | ScramKeysCommand;

/** Reads a secret: from a terminal without echo, or all of standard input but for a line end behind it. */
export type ReadSecret = (what: string) => Promise<string>;

const SALT_BYTES = 16;
/** Both follow prefixes of fixed length in the DER of an Ed25519 key (RFC 8410). */
const KEY_BYTES = 32;

/** The fields for the configuration file as YAML, made from a secret that is read, or drawn. Errors: CredentialError. */
export async function makeCredential(command: CredentialCommand, readSecret: ReadSecret): Promise<string> {
  switch (command.kind) {
    case 'keygen':
      return keygen(command.out);
    case 'cra-key': {
      const { salt = randomBytes(SALT_BYTES).toString('base64url'), iterations, keylen } = command;
      const derivedKey = deriveKey(await readSecret('password'), { salt, iterations, keylen });
      return yaml({ derivedKey, salt, iterations, keylen });
    }
    case 'hash-ticket':
      return yaml({
        ticketSha256: createHash('sha256')
          .update(await readSecret('ticket'))
          .digest('hex'),
      });
    case 'scram-keys':
      return yaml(await scramKeys(command, await readSecret('password'), randomBytes(SALT_BYTES)));
    default:
      return unreachable(command);
  }
}

/** With a file, the private key stands only there. */
function keygen(out: string | undefined): string {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-KEY_BYTES).toString('hex');
  const key = publicKey.export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES).toString('hex');
  if (out === undefined) return yaml({ privateKey: seed, publicKey: key });
  try {
    // Never over a key that is there.
    writeFileSync(out, `${seed}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    const reason = isThere ? 'it exists' : error instanceof Error ? error.message : String(error);
    throw new CredentialError(`cannot write ${out}: ${reason}`);
  }
  return yaml({ publicKey: key });
}

/** Hexadecimal digits may look like a number (`1e12`), so every text is quoted. */
function yaml(fields: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries(fields).map(
    ([key, value]) => `${key}: ${typeof value === 'number' ? value : `'${value.replaceAll("'", "''")}'`}\n`,
  );
  return lines.join('');
}
