import { pbkdf2, pbkdf2Sync } from 'node:crypto';
import { promisify } from 'node:util';
import { own } from '../../wamp/dict.js';
import { isFault } from '../../wamp/faults.js';
import type { SessionId } from '../../wamp/ids.js';
import type { Dict } from '../../wamp/options.js';
import type { AuthenticatorEntry } from './authenticator.js';
import {
  authidOf,
  Decoys,
  DENIED,
  granted,
  hmacSha256,
  isEqual,
  type CredentialEntry,
  type Principals,
} from './credentials.js';
import { askAuthenticators, DYNAMIC } from './dynamic.js';
import { isCountUpTo, isBoundedText, MAX_ITERATIONS } from './result-values.js';
import type { AuthMethod, AuthRequest, AuthStep, Principal } from './method.js';

/** How a client derives its key from the password. */
export interface CraSalt {
  readonly salt: string;
  readonly iterations: number;
  /** Bytes. */
  readonly keylen: number;
}

export interface CraCredential {
  /** Key of the HMAC: the secret, or what was derived from it, as base64 text. */
  readonly key: string;
  /** Undefined: the key is the secret. */
  readonly salted?: CraSalt;
}

export interface WampCraOptions {
  readonly principals: Principals<CraCredential>;
  readonly authenticators?: readonly AuthenticatorEntry[];
  /** Unguessable text, another one each time. */
  readonly nonce: () => string;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
}

interface Challenged {
  readonly principal: Principal;
  readonly salted: CraSalt | undefined;
  /** Undefined: there is no such principal, and no answer is right. */
  readonly key: string | undefined;
}

/** Stands for the principals of a method whose authenticators have not named one yet. */
const MODEL: CredentialEntry<CraCredential> = {
  principal: { authid: '', authrole: 'user', authprovider: DYNAMIC },
  credential: { key: '' },
};

/** WAMP-CRA (rules 8.4): the client signs a text that names its session and is used once. */
export function createWampCra({ principals, authenticators = [], nonce, wallMs }: WampCraOptions): AuthMethod {
  const decoys = new Decoys(principals, ({ key }) => key, MODEL);

  const decoy = (authid: string): Challenged => {
    const { principal, credential } = decoys.like(authid);
    const salted = credential.salted && { ...credential.salted, salt: decoys.saltText(authid, credential.salted.salt) };
    return { principal: { ...principal, authid }, salted, key: undefined };
  };

  const challenge = ({ principal, salted, key }: Challenged, session: SessionId): AuthStep => {
    const text = JSON.stringify({
      authid: principal.authid,
      authrole: principal.authrole,
      authmethod: 'wampcra',
      authprovider: principal.authprovider,
      session,
      nonce: nonce(),
      timestamp: new Date(wallMs()).toISOString(),
    });
    return {
      kind: 'challenge',
      // Clients derive a key when there is a salt, and only then.
      extra: { challenge: text, ...salted },
      answer(signature) {
        const isRight = isEqual(signature, signatureOf(key ?? '', text));
        return isRight && key !== undefined ? granted(principal) : DENIED;
      },
    };
  };

  const ask = async (request: AuthRequest, authid: string): Promise<AuthStep> => {
    const question = { method: 'wampcra', authid, isRoleEnough: false, credentialOf: craCredential };
    const finding = await askAuthenticators(authenticators, request, question);
    if (finding.kind === 'undecided') return finding.step;
    if (finding.kind === 'unknown') return challenge(decoy(authid), request.session());
    const { principal, credential } = finding.entry;
    const { authrole, authprovider } = principal;
    decoys.imitate({ principal: { authid: '', authrole, authprovider }, credential: { ...credential, key: '' } });
    return challenge({ principal, salted: credential.salted, key: credential.key }, request.session());
  };

  return {
    name: 'wampcra',
    begin(request) {
      const authid = authidOf(request.details, 'wampcra');
      if (isFault(authid)) return { kind: 'refused', fault: authid };
      const entry = principals.get(authid);
      if (entry === undefined && authenticators.length > 0) return ask(request, authid);
      // Made for known principals too, so that the time to the challenge does not reveal them (AUT-4).
      const unknown = decoy(authid);
      // The challenge names the session that WELCOME will name (AUT-3).
      if (entry === undefined) return challenge(unknown, request.session());
      const { key, salted } = entry.credential;
      return challenge({ principal: entry.principal, salted, key }, request.session());
    },
  };
}

/** Base64 text, 44 characters. */
export function signatureOf(key: string, challenge: string): string {
  return hmacSha256(key, challenge).toString('base64');
}

/** Key of a salted secret: base64 text, as clients derive it. CPU time grows with the iterations. */
export function deriveKey(secret: string, { salt, iterations, keylen }: CraSalt): string {
  return pbkdf2Sync(secret, salt, iterations, keylen, 'sha256').toString('base64');
}

/** Each HELLO costs so much, before the client has proved anything: about 25 ms. */
const MAX_DERIVED_ITERATIONS = 50_000;
const MAX_SECRET_LENGTH = 4_096;

const derive = promisify(pbkdf2);

/** A returned `secret` is the password, from which the router derives the key if there is a salt; `derivedKey` is that key. */
async function craCredential(result: Dict): Promise<CraCredential | string> {
  const secret = own(result, 'secret');
  const derivedKey = own(result, 'derivedKey') ?? own(result, 'derived-key');
  const salt = own(result, 'salt');
  const iterations = own(result, 'iterations') ?? 1_000;
  const keylen = own(result, 'keylen') ?? 32;
  if ((secret === undefined) === (derivedKey === undefined)) return 'it has neither secret nor derivedKey, or both';
  const key = secret ?? derivedKey;
  if (!isBoundedText(key, MAX_SECRET_LENGTH)) return 'its secret is no text';
  if (salt === undefined) return derivedKey === undefined ? { key } : 'derivedKey needs a salt';
  if (!isBoundedText(salt, 255)) return 'salt is no text';
  if (!isCountUpTo(iterations, MAX_ITERATIONS)) return 'iterations is no number that is allowed';
  if (!isCountUpTo(keylen, 64) || keylen % 4 !== 0) return 'keylen is no multiple of 4 up to 64';
  const salted: CraSalt = { salt, iterations, keylen };
  if (secret === undefined) return { key, salted };
  if (iterations > MAX_DERIVED_ITERATIONS) return 'with so many iterations it must return derivedKey, not secret';
  // Not in this thread: it takes about a millisecond for each thousand rounds.
  return { key: (await derive(key, salt, iterations, keylen, 'sha256')).toString('base64'), salted };
}
