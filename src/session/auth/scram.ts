import { own } from '../../wamp/dict.js';
import { isFault } from '../../wamp/faults.js';
import type { Dict } from '../../wamp/options.js';
import {
  authidOf,
  Decoys,
  DENIED,
  granted,
  hmacSha256,
  isEqual,
  sha256,
  unusable,
  type Principals,
} from './credentials.js';
import type { AuthMethod } from './method.js';

/** Which function makes a key of the password. Clients run it, the router never does. */
export type ScramKdf = { readonly iterations: number } & (
  { readonly kind: 'pbkdf2' } | { readonly kind: 'argon2id'; readonly memoryKiB: number }
);

export interface ScramCredential {
  readonly kdf: ScramKdf;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export interface ScramOptions {
  readonly dialect: ScramDialect;
  readonly principals: Principals<ScramCredential>;
  /** Unguessable bytes, others each time. */
  readonly randomBytes: (count: number) => Buffer;
}

/** The values that both sides sign. */
export interface ScramExchange {
  readonly authid: string;
  readonly clientNonce: string;
  readonly serverNonce: string;
  readonly salt: Uint8Array;
  readonly kdf: ScramKdf;
}

const NONCE_BYTES = 16;
/** A nonce as RFC 5802 has it: printable, without comma. Long enough to be unguessable, and bounded. */
const NONCE = /^[\x21-\x2b\x2d-\x7e]{8,256}$/;

/** The differences between the two kinds of SCRAM that clients use (rules 8.5). */
export interface ScramDialect {
  /** As in HELLO.Details.authmethods. */
  readonly method: string;
  readonly verifierKey: string;
  serverNonce(clientNonce: string, random: Buffer): string;
  challenge(exchange: ScramExchange): Dict;
  /** Whether AUTHENTICATE.Extra repeats the values that both sides agreed on. */
  isAnswerTo(exchange: ScramExchange, extra: Dict): boolean;
  authMessage(exchange: ScramExchange): string;
}

/**
 * SCRAM (rules 8.5): the client proves that it knows the password without sending it, and the router proves in WELCOME
 * that it knows the keys. The router has only the stored keys, from which the password cannot be found.
 */
export function createScram({ dialect, principals, randomBytes }: ScramOptions): AuthMethod {
  const decoys = new Decoys(principals, ({ storedKey }) => storedKey);
  return {
    name: dialect.method,
    begin({ details }) {
      const authid = authidOf(details, dialect.method);
      if (isFault(authid)) return { kind: 'refused', fault: authid };
      const clientNonce = own(details.authextra ?? {}, 'nonce');
      if (typeof clientNonce !== 'string' || !NONCE.test(clientNonce))
        return unusable('HELLO.Details.authextra.nonce must be 8 to 256 printable characters without comma');
      if ((own(details.authextra ?? {}, 'channel_binding') ?? null) !== null)
        return unusable('HELLO.Details.authextra.channel_binding: this router cannot bind to a channel');
      const entry = principals.get(authid);
      const { kdf } = (entry ?? decoys.like(authid)).credential;
      const salt = entry?.credential.salt ?? decoys.salt(authid);
      const serverNonce = dialect.serverNonce(clientNonce, randomBytes(NONCE_BYTES));
      const exchange: ScramExchange = { authid, clientNonce, serverNonce, salt, kdf };
      return {
        kind: 'challenge',
        extra: dialect.challenge(exchange),
        answer(proof, extra) {
          const { storedKey, serverKey } = entry?.credential ?? NO_KEYS;
          const message = dialect.authMessage(exchange);
          const isRight = dialect.isAnswerTo(exchange, extra) && proves(proof, storedKey, message);
          if (!isRight || entry === undefined) return DENIED;
          const authextra: Dict = { [dialect.verifierKey]: hmacSha256(serverKey, message).toString('base64') };
          return granted({ ...entry.principal, authextra });
        },
      };
    },
  };
}

const NO_KEYS: Pick<ScramCredential, 'storedKey' | 'serverKey'> = {
  storedKey: new Uint8Array(32),
  serverKey: new Uint8Array(32),
};

/** Whether the proof is base64 of ClientKey XOR ClientSignature (RFC 5802 §3). */
function proves(proof: string, storedKey: Uint8Array, authMessage: string): boolean {
  const given = Buffer.from(proof, 'base64');
  const signature = hmacSha256(storedKey, authMessage);
  const clientKey = Buffer.alloc(signature.length);
  for (let i = 0; i < clientKey.length; i++) clientKey[i] = (given[i] ?? 0) ^ (signature[i] ?? 0);
  return isEqual(sha256(clientKey), storedKey) && given.length === clientKey.length;
}
