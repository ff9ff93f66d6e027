import { createHash, createHmac, createPrivateKey, pbkdf2Sync, sign } from 'node:crypto';
import { Code } from '../../src/wamp/codes.js';
import { ALL_ROLES, type Message, type RawClient } from './raw-client.js';

/** How a client of one method logs in, written down apart from the router. */
export interface Login {
  readonly method: string;
  readonly authid?: string;
  readonly authextra?: Record<string, unknown>;
  /** Answers the n-th challenge. Absent: the method has none. */
  answer?(extra: Record<string, unknown>): readonly [signature: string, extra: Record<string, unknown>];
}

/** HELLO, and AUTHENTICATE for each CHALLENGE; the message that ends it. Rejects when the connection ends instead. */
export async function logIn(client: RawClient, login: Login, realm = 'realm1'): Promise<Message> {
  const { method, authid, authextra } = login;
  client.send([
    Code.HELLO,
    realm,
    {
      roles: ALL_ROLES,
      authmethods: [method],
      ...(authid === undefined ? {} : { authid }),
      ...(authextra === undefined ? {} : { authextra }),
    },
  ]);
  for (;;) {
    const message = await client.receive();
    if (message[0] === Code.WELCOME) {
      client.session = message[1] as number;
      client.welcome = message[2] as Record<string, unknown>;
    }
    if (message[0] !== Code.CHALLENGE || login.answer === undefined) return message;
    client.send([Code.AUTHENTICATE, ...login.answer(message[2] as Record<string, unknown>)]);
  }
}

const PASSWORD = 'correct horse';
export const CRA_SALT = { salt: 'c2FsdHk', iterations: 100, keylen: 32 };
const SCRAM_SALT = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const SCRAM_ITERATIONS = 64;
const CLIENT_NONCE = 'ASNFZ4mrze8BI0VniavN7w==';
const SEED = Buffer.from('4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510', 'hex');
export const PUBLIC_KEY = '1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d';

const hmac = (key: string | Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const derived = pbkdf2Sync(PASSWORD, CRA_SALT.salt, CRA_SALT.iterations, CRA_SALT.keylen, 'sha256').toString('base64');
const saltedPassword = pbkdf2Sync(PASSWORD, SCRAM_SALT, SCRAM_ITERATIONS, 32, 'sha256');
const clientKey = hmac(saltedPassword, 'Client Key');
const storedKey = createHash('sha256').update(clientKey).digest();
const serverKey = hmac(saltedPassword, 'Server Key');

/** What a file, or an authenticator, has of the principals of these logins. */
export const CREDENTIALS = {
  ticket: PASSWORD,
  password: PASSWORD,
  derivedKey: derived,
  scram: {
    kdf: 'pbkdf2' as const,
    iterations: SCRAM_ITERATIONS,
    salt: SCRAM_SALT.toString('hex'),
    storedKey: storedKey.toString('hex'),
    serverKey: serverKey.toString('hex'),
  },
};

export function ticket(authid: string, text = PASSWORD): Login {
  return { method: 'ticket', authid, answer: () => [text, {}] };
}

export function cra(authid: string): Login {
  return {
    method: 'wampcra',
    authid,
    answer: ({ challenge, salt }) => [
      hmac(salt === undefined ? PASSWORD : derived, challenge as string).toString('base64'),
      {},
    ],
  };
}

export function scram(method: 'wamp-scram' | 'scram', authid: string): Login {
  return {
    method,
    authid,
    authextra: { nonce: CLIENT_NONCE, channel_binding: null },
    answer: ({ nonce, salt, iterations }) => {
      const binding = method === 'scram' ? '' : 'biws';
      const message =
        `n=${authid},r=${CLIENT_NONCE},` +
        `r=${String(nonce)},s=${String(salt)},i=${String(iterations)},` +
        `c=${binding},r=${String(nonce)}`;
      const signature = hmac(storedKey, message);
      const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)));
      return [proof.toString('base64'), { nonce, channel_binding: null, cbind_data: null }];
    },
  };
}

export function cryptosign(authid: string | undefined): Login {
  const key = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), SEED]),
    format: 'der',
    type: 'pkcs8',
  });
  return {
    method: 'cryptosign',
    ...(authid === undefined ? {} : { authid }),
    authextra: { pubkey: PUBLIC_KEY },
    answer: ({ challenge }) => {
      const bytes = Buffer.from(challenge as string, 'hex');
      return [sign(null, bytes, key).toString('hex') + bytes.toString('hex'), {}];
    },
  };
}

export const anonymous: Login = { method: 'anonymous' };
