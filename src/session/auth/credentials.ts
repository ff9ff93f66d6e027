import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { fault, type Fault } from '../../wamp/faults.js';
import type { HelloDetails } from '../../wamp/messages.js';
import { ErrorUri } from '../../wamp/uris.js';
import type { AuthStep, Principal } from './method.js';

/** A principal of one realm, and what it proves itself with. */
export interface CredentialEntry<Credential> {
  readonly principal: Principal;
  readonly credential: Credential;
}

/** Principals of one realm and one method, by authid. */
export type Principals<Credential> = ReadonlyMap<string, CredentialEntry<Credential>>;

const KEY_BYTES = 32;
const DIGITS = '0123456789';
const LOWER_CASE = 'abcdefghijklmnopqrstuvwxyz';
const ALPHANUMERIC = DIGITS + LOWER_CASE + LOWER_CASE.toUpperCase();
/** Characters that a salt may be limited to, the fewest first: decimal, hexadecimal, letters, both. */
const CHARACTERS = [
  DIGITS,
  `${DIGITS}abcdef`,
  `${DIGITS}ABCDEF`,
  LOWER_CASE,
  LOWER_CASE.toUpperCase(),
  DIGITS + LOWER_CASE,
];

export const AUTHPROVIDER = 'static';

/**
 * The only answer to a wrong credential and to an unknown principal: a client cannot find out which principals exist
 * (AUT-4, AUT-5).
 */
export const DENIED: AuthStep = {
  kind: 'refused',
  fault: fault(ErrorUri.AUTHENTICATION_DENIED, 'the realm does not accept these credentials'),
};

/** HELLO lacks something that the method needs, or it has the wrong shape. */
export function unusable(message: string): AuthStep {
  return { kind: 'refused', fault: fault(ErrorUri.AUTHENTICATION_FAILED, message) };
}

export function granted(principal: Principal): AuthStep {
  return { kind: 'granted', principal };
}

/** The authid of HELLO, which most methods need. */
export function authidOf({ authid }: HelloDetails, method: string): string | Fault {
  if (authid !== undefined && authid !== '') return authid;
  return fault(ErrorUri.AUTHENTICATION_FAILED, `HELLO.Details.authid is missing: "${method}" needs it`);
}

/** Whether both are equal. The time it takes depends on their lengths alone (AUT-5). */
export function isEqual(one: string | Uint8Array, other: string | Uint8Array): boolean {
  return timingSafeEqual(sha256(one), sha256(other));
}

export function sha256(data: string | Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

export function hmacSha256(key: string | Uint8Array, data: string | Uint8Array): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/**
 * Makes the challenge of an unknown authid: the parameters of one of the principals, and a value drawn from the authid.
 * Every node with the same principals draws the same, and so does each attempt, so that the challenge of an unknown
 * principal looks like that of a known one (AUT-4).
 */
export class Decoys<Credential> {
  readonly #key: Buffer;
  readonly #entries: readonly CredentialEntry<Credential>[];
  #model: CredentialEntry<Credential> | undefined;

  /**
   * `secretOf`: the part of a credential that clients of other principals do not know. `model`: stands for the
   * principals where there are none in the configuration; then each process draws values of its own.
   */
  constructor(
    principals: Principals<Credential>,
    secretOf: (credential: Credential) => string | Uint8Array,
    model?: CredentialEntry<Credential>,
  ) {
    this.#entries = [...principals.values()];
    this.#model = model;
    const key = createHash('sha256');
    for (const [authid, { credential }] of [...principals].sort(([one], [other]) => (one < other ? -1 : 1)))
      key.update(sha256(authid)).update(sha256(secretOf(credential)));
    if (principals.size === 0) key.update(randomBytes(KEY_BYTES));
    this.#key = key.digest();
  }

  /** Decoys have the parameters of this principal from now on, if the configuration has none. */
  imitate(model: CredentialEntry<Credential>): void {
    this.#model = model;
  }

  /** The principal whose parameters the decoy has. */
  like(authid: string): CredentialEntry<Credential> {
    const index = this.#bytes('like', authid).readUInt32BE(0) % Math.max(1, this.#entries.length);
    const entry = this.#entries[index] ?? this.#model;
    if (entry === undefined) throw new Error('decoys without principals and model');
    return entry;
  }

  /** Bytes that stand for the salt: as many as that one has. */
  salt(authid: string, { length }: Uint8Array): Buffer {
    const name = Buffer.concat([Buffer.from('salt'), sha256(authid)]);
    return Buffer.from(hkdfSync('sha256', this.#key, new Uint8Array(0), name, length));
  }

  /** Text that stands for the salt, of the form that this one has. */
  saltText(authid: string, model: string): string {
    const drawn = this.salt(authid, Buffer.from(model));
    const narrow = CHARACTERS.find((all) => Array.from(model).every((one) => all.includes(one)));
    for (const encoding of narrow === undefined ? (['base64', 'base64url'] as const) : []) {
      const bytes = Buffer.from(model, encoding);
      if (bytes.toString(encoding) === model) return drawn.subarray(0, bytes.length).toString(encoding);
    }
    const characters = narrow ?? ALPHANUMERIC;
    const draw = (at: number): string => characters[(drawn[at] ?? 0) % characters.length] ?? '';
    return Array.from(model, (one, at) => (ALPHANUMERIC.includes(one) ? draw(at) : one)).join('');
  }

  #bytes(purpose: string, authid: string): Buffer {
    return hmacSha256(this.#key, `${purpose}\0${authid}`);
  }
}
