import type { KeyObject } from 'node:crypto';
import { own } from '../../wamp/dict.js';
import type { Dict } from '../../wamp/options.js';
import type { AuthenticatorEntry } from './authenticator.js';
import { DENIED, granted, isEqual, unusable, type Principals } from './credentials.js';
import { askAuthenticators } from './dynamic.js';
import { isHexKey } from './result-values.js';
import { isSignedBy, ed25519Key } from './ed25519.js';
import type { AuthMethod, AuthRequest, AuthStep, Principal } from './method.js';

export interface CryptosignCredential {
  /** Public keys, 32 bytes each as lower-case hex. */
  readonly authorizedKeys: readonly string[];
}

export interface CryptosignOptions {
  readonly principals: Principals<CryptosignCredential>;
  readonly authenticators?: readonly AuthenticatorEntry[];
  /** Unguessable bytes, others each time. */
  readonly randomBytes: (count: number) => Buffer;
}

interface Binding {
  /** The channel to which the answer is bound. Undefined: none. */
  readonly channelId: Uint8Array | undefined;
  /** The client has asked for binding in vain. */
  readonly isDeclined: boolean;
}

interface KeyHolder {
  readonly principal: Principal;
  readonly key: KeyObject;
}

/** The only type of channel binding that deployed clients know. */
const CHANNEL_BINDING = 'tls-unique';
/**
 * autobahn-python signs a bound message whenever it has asked for binding, whatever CHALLENGE names. The answer is no guess and
 * does not depend on the principal, so the client may learn the reason.
 */
const BOUND_ANYWAY = unusable(
  'AUTHENTICATE.Signature signs another message than the challenge: this connection has no channel binding, as CHALLENGE shows. ' +
    'Leave channel_binding out of authextra',
);
const CHALLENGE_BYTES = 32;
const SIGNATURE_BYTES = 64;
const PUBLIC_KEY = /^[0-9a-f]{64}$/i;
/** A signature alone, or followed by what was signed. */
const ANSWER = /^(?:[0-9a-f]{128}|[0-9a-f]{192})$/i;
/** Verifies the answer of a key that is not authorized, so that it takes as long: the y coordinate of the base point. */
const NOBODYS_KEY = ed25519Key(Buffer.from(`58${'66'.repeat(31)}`, 'hex'));

/**
 * WAMP-cryptosign (rules 8.6): the client signs a challenge with an Ed25519 key. The message that comes with the signature
 * must be the challenge of this attempt, or an older signature of the client could be used again. With channel binding it is
 * the challenge XOR the identifier of the channel, so that nobody can pass the challenge on to a client of another channel.
 */
export function createCryptosign({ principals, authenticators = [], randomBytes }: CryptosignOptions): AuthMethod {
  const holders = holdersByKey(principals);

  const challengeFor = (holder: KeyHolder | undefined, binding: Binding): AuthStep => {
    const challenge = randomBytes(CHALLENGE_BYTES);
    const { channelId } = binding;
    const message = channelId === undefined ? challenge : xor(challenge, channelId);
    return {
      kind: 'challenge',
      // Without `channel_binding` the client knows that the router does not bind (ADR 46).
      extra: {
        challenge: challenge.toString('hex'),
        ...(channelId === undefined ? undefined : { channel_binding: CHANNEL_BINDING }),
      },
      answer(signature) {
        if (binding.isDeclined && signsAnother(signature, message)) return BOUND_ANYWAY;
        const isRight = isAnswer(signature, message, holder?.key ?? NOBODYS_KEY);
        return isRight && holder !== undefined ? granted(holder.principal) : DENIED;
      },
    };
  };

  const ask = async (request: AuthRequest, announced: string): Promise<AuthStep> => {
    const finding = await askAuthenticators(authenticators, request, {
      method: 'cryptosign',
      authid: request.details.authid,
      isRoleEnough: false,
      credentialOf: (result) => cryptosignCredential(result, announced),
    });
    if (finding.kind === 'undecided') return finding.step;
    const binding = bindingOf(request);
    if (finding.kind === 'unknown') return challengeFor(undefined, binding);
    const key = ed25519Key(Buffer.from(announced, 'hex'));
    return challengeFor({ principal: finding.entry.principal, key }, binding);
  };

  return {
    name: 'cryptosign',
    begin(request) {
      const { details } = request;
      const given = own(details.authextra ?? {}, 'pubkey');
      if (typeof given !== 'string' || !PUBLIC_KEY.test(given))
        return unusable('HELLO.Details.authextra.pubkey must be a public key of Ed25519 as 64 hexadecimal digits');
      const announced = given.toLowerCase();
      const holder = holderOf(holders.get(announced) ?? [], details.authid);
      // A principal of the configuration has the keys that the configuration names, and no others.
      const isOfConfiguration = holder !== undefined || principals.has(details.authid ?? '');
      if (isOfConfiguration || authenticators.length === 0) return challengeFor(holder, bindingOf(request));
      return ask(request, announced);
    },
  };
}

/** A client that asks for a type or a channel that the router does not have is served without, and CHALLENGE shows it. */
function bindingOf({ details, channelId }: AuthRequest): Binding {
  const wanted = own(details.authextra ?? {}, 'channel_binding') ?? null;
  if (wanted === CHANNEL_BINDING && channelId !== undefined) return { channelId, isDeclined: false };
  return { channelId: undefined, isDeclined: wanted !== null };
}

function xor(one: Uint8Array, other: Uint8Array): Buffer {
  return Buffer.from(one.map((byte, index) => byte ^ (other[index] ?? 0)));
}

/** The message that stands behind the signature. Undefined: there is none, or the answer has no signature. */
function signedMessage(signature: string): Buffer | undefined {
  const bytes = ANSWER.test(signature) ? Buffer.from(signature, 'hex') : undefined;
  return bytes !== undefined && bytes.length > SIGNATURE_BYTES ? bytes.subarray(SIGNATURE_BYTES) : undefined;
}

function signsAnother(signature: string, message: Uint8Array): boolean {
  const signed = signedMessage(signature);
  return signed !== undefined && !isEqual(signed, message);
}

function isAnswer(signature: string, message: Uint8Array, key: KeyObject): boolean {
  if (!ANSWER.test(signature)) return false;
  const bytes = Buffer.from(signature, 'hex').subarray(0, SIGNATURE_BYTES);
  return isSignedBy(key, message, bytes) && !signsAnother(signature, message);
}

/** Without authid the key names its principal, if it is authorized for one only. */
function holderOf(holders: readonly KeyHolder[], authid: string | undefined): KeyHolder | undefined {
  if (authid === undefined || authid === '') return holders.length === 1 ? holders[0] : undefined;
  return holders.find(({ principal }) => principal.authid === authid);
}

function holdersByKey(principals: Principals<CryptosignCredential>): ReadonlyMap<string, readonly KeyHolder[]> {
  const holders = new Map<string, KeyHolder[]>();
  for (const { principal, credential } of principals.values()) {
    for (const authorized of credential.authorizedKeys) {
      const key = ed25519Key(Buffer.from(authorized, 'hex'));
      holders.set(authorized, [...(holders.get(authorized) ?? []), { principal, key }]);
    }
  }
  return holders;
}

/** The key must be the one that the client announced. */
function cryptosignCredential(result: Dict, announced: string): CryptosignCredential | string {
  const key = own(result, 'pubkey');
  if (!isHexKey(key)) return 'pubkey is not 64 hexadecimal digits';
  if (key.toLowerCase() !== announced) return 'pubkey is another than the client announced';
  return { authorizedKeys: [announced] };
}
