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
  type CredentialEntry,
  type Principals,
} from './credentials.js';
import type { AuthenticatorEntry } from './authenticator.js';
import { askAuthenticators, DYNAMIC } from './dynamic.js';
import { isCountUpTo, isHexKey, MAX_ITERATIONS } from './result-values.js';
import type { AuthMethod, AuthRequest, AuthStep } from './method.js';

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
  readonly authenticators?: readonly AuthenticatorEntry[];
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
  /** The name that HELLO.Details.authmethods has. */
  readonly method: string;
  readonly verifierKey: string;
  /** The only one that all clients of the dialect know. */
  readonly usualKdf: ScramKdf['kind'];
  serverNonce(clientNonce: string, random: Buffer): string;
  challenge(exchange: ScramExchange): Dict;
  /** Whether AUTHENTICATE.Extra repeats the values that both sides agreed on. */
  isAnswerTo(exchange: ScramExchange, extra: Dict): boolean;
  authMessage(exchange: ScramExchange): string;
}

/** Stands for the principals of a method whose authenticators have not named one yet. */
const MODELS: Readonly<Record<ScramKdf['kind'], CredentialEntry<ScramCredential>>> = {
  pbkdf2: modelOf({ kdf: { kind: 'pbkdf2', iterations: 4_096 }, salt: new Uint8Array(16) }),
  argon2id: modelOf({ kdf: { kind: 'argon2id', iterations: 3, memoryKiB: 65_536 }, salt: new Uint8Array(16) }),
};

/**
 * SCRAM (rules 8.5): the client proves that it knows the password without sending it, and the router proves in WELCOME
 * that it knows the keys. The router has only the stored keys, from which the password cannot be found.
 */
export function createScram({ dialect, principals, authenticators = [], randomBytes }: ScramOptions): AuthMethod {
  const decoys = new Decoys(principals, ({ storedKey }) => storedKey, MODELS[dialect.usualKdf]);

  /** `entry`: undefined for an unknown authid, whose challenge no answer fits. */
  const challenge = (hello: ScramHello, entry: CredentialEntry<ScramCredential> | undefined): AuthStep => {
    const { authid, clientNonce } = hello;
    // Made for known principals too, so that the time to the challenge does not reveal them (AUT-4).
    const model = decoys.like(authid).credential;
    const unknown = { kdf: model.kdf, salt: decoys.salt(authid, model.salt) };
    const { kdf, salt } = entry?.credential ?? unknown;
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
        const verifier: Dict = { [dialect.verifierKey]: hmacSha256(serverKey, message).toString('base64') };
        return granted({ ...entry.principal, proof: verifier });
      },
    };
  };

  const ask = async (request: AuthRequest, hello: ScramHello): Promise<AuthStep> => {
    const { authid } = hello;
    const question = { method: dialect.method, authid, isRoleEnough: false, credentialOf: scramCredential };
    const finding = await askAuthenticators(authenticators, request, question);
    if (finding.kind === 'undecided') return finding.step;
    if (finding.kind === 'unknown') return challenge(hello, undefined);
    decoys.imitate(modelOf(finding.entry.credential));
    return challenge(hello, finding.entry);
  };

  return {
    name: dialect.method,
    begin(request) {
      const hello = helloOf(request, dialect);
      if ('kind' in hello) return hello;
      const entry = principals.get(hello.authid);
      return entry === undefined && authenticators.length > 0 ? ask(request, hello) : challenge(hello, entry);
    },
  };
}

interface ScramHello {
  readonly authid: string;
  readonly clientNonce: string;
}

/** An AuthStep: HELLO lacks what SCRAM needs. */
function helloOf({ details }: AuthRequest, dialect: ScramDialect): ScramHello | AuthStep {
  const authid = authidOf(details, dialect.method);
  if (isFault(authid)) return { kind: 'refused', fault: authid };
  const clientNonce = own(details.authextra ?? {}, 'nonce');
  if (typeof clientNonce !== 'string' || !NONCE.test(clientNonce))
    return unusable('HELLO.Details.authextra.nonce must be 8 to 256 printable characters without comma');
  if ((own(details.authextra ?? {}, 'channel_binding') ?? null) !== null)
    return unusable('HELLO.Details.authextra.channel_binding: this router cannot bind to a channel');
  return { authid, clientNonce };
}

function modelOf({ kdf, salt }: Pick<ScramCredential, 'kdf' | 'salt'>): CredentialEntry<ScramCredential> {
  const none = new Uint8Array(0);
  return {
    principal: { authid: '', authrole: '', authprovider: DYNAMIC },
    credential: { kdf, salt, storedKey: none, serverKey: none },
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

const MAX_MEMORY_KIB = 4_194_304;
const HEX_SALT = /^([0-9a-f]{2}){8,64}$/i;

/** Reads the keys that an authenticator has returned. */
function scramCredential(result: Dict): ScramCredential | string {
  const kdf = kdfOf(result);
  if (typeof kdf === 'string') return kdf;
  const salt = own(result, 'salt');
  const storedKey = own(result, 'storedKey') ?? own(result, 'stored-key');
  const serverKey = own(result, 'serverKey') ?? own(result, 'server-key');
  if (typeof salt !== 'string' || !HEX_SALT.test(salt)) return 'salt is not 8 to 64 bytes as hexadecimal digits';
  if (!isHexKey(storedKey)) return 'storedKey is not 64 hexadecimal digits';
  if (!isHexKey(serverKey)) return 'serverKey is not 64 hexadecimal digits';
  const bytes = (hex: string): Uint8Array => Buffer.from(hex, 'hex');
  return { kdf, salt: bytes(salt), storedKey: bytes(storedKey), serverKey: bytes(serverKey) };
}

function kdfOf(result: Dict): ScramKdf | string {
  const kdf = own(result, 'kdf');
  const iterations = own(result, 'iterations');
  const memoryKiB = own(result, 'memory') ?? own(result, 'memoryKiB');
  if (!isCountUpTo(iterations, MAX_ITERATIONS)) return 'iterations is no number that is allowed';
  if (kdf === 'pbkdf2') return { kind: 'pbkdf2', iterations };
  if (typeof kdf !== 'string' || !/^argon2id(-?13)?$/.test(kdf)) return 'kdf is neither pbkdf2 nor argon2id';
  if (!isCountUpTo(memoryKiB, MAX_MEMORY_KIB)) return 'memory is no number that is allowed';
  return { kind: 'argon2id', iterations, memoryKiB };
}
