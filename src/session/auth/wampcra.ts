import { pbkdf2Sync } from 'node:crypto';
import { isFault } from '../../wamp/faults.js';
import type { SessionId } from '../../wamp/ids.js';
import { authidOf, Decoys, DENIED, granted, hmacSha256, isEqual, type Principals } from './credentials.js';
import type { AuthMethod, AuthStep, Principal } from './method.js';

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

/** WAMP-CRA (rules 8.4): the client signs a text that names its session and is used once. */
export function createWampCra({ principals, nonce, wallMs }: WampCraOptions): AuthMethod {
  const decoys = new Decoys(principals, ({ key }) => key);

  const challenged = (authid: string): Challenged => {
    const entry = principals.get(authid);
    if (entry !== undefined)
      return { principal: entry.principal, salted: entry.credential.salted, key: entry.credential.key };
    const { principal, credential } = decoys.like(authid);
    const salted = credential.salted && { ...credential.salted, salt: decoys.salt(authid).toString('base64') };
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
        const isRight = isEqual(signature, signatureOf(key ?? nonce(), text));
        return isRight && key !== undefined ? granted(principal) : DENIED;
      },
    };
  };

  return {
    name: 'wampcra',
    begin(request) {
      const { details } = request;
      const authid = authidOf(details, 'wampcra');
      if (isFault(authid)) return { kind: 'refused', fault: authid };
      // The challenge names the session that WELCOME will name (AUT-3).
      return challenge(challenged(authid), request.session());
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
