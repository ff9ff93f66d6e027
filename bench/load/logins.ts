import { createHmac, createPrivateKey, createPublicKey, pbkdf2Sync, sign } from 'node:crypto';

/** The messages that a client sends to join. */
export interface Login {
  /** HELLO.Details. */
  readonly details: Readonly<Record<string, unknown>>;
  /** The signature for AUTHENTICATE. */
  answer(extra: Readonly<Record<string, unknown>>): string;
}

export const loginNames = ['anonymous', 'ticket', 'wampcra', 'wampcra salted', 'cryptosign', 'jwt HS256'] as const;
export type LoginName = (typeof loginNames)[number];

const password = 'a secret of more than thirty-two characters';
const salt = { salt: 'salt123', iterations: 1_000, keylen: 32 };
const derivedKey = pbkdf2Sync(password, salt.salt, salt.iterations, salt.keylen, 'sha256').toString('base64');

/** PKCS#8 of an Ed25519 key whose seed is 32 times the same byte. */
const privateKey = createPrivateKey({
  key: Buffer.from(`302e020100300506032b657004220420${'42'.repeat(32)}`, 'hex'),
  format: 'der',
  type: 'pkcs8',
});
const pubkey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');

/** The realm for these logins, as in the configuration of the router. */
export function realmWithLogins(name: string): object {
  const role = 'user';
  const everything = { call: true, register: true, publish: true, subscribe: true };
  return {
    name,
    anonymousRole: role,
    roles: [{ name: role, permissions: [{ uri: '', match: 'prefix', allow: everything }] }],
    auth: {
      ticket: { principals: { joe: { ticket: password, role } } },
      wampcra: { users: { joe: { secret: password, role }, ann: { derivedKey, ...salt, role } } },
      cryptosign: { principals: { joe: { authorizedKeys: [pubkey], role } } },
      jwt: { keys: [{ algorithm: 'HS256', secret: password }], role },
    },
  };
}

export function loginOf(name: LoginName): Login {
  switch (name) {
    case 'anonymous':
      return { details: {}, answer: () => '' };
    case 'ticket':
      return { details: { authmethods: ['ticket'], authid: 'joe' }, answer: () => password };
    case 'wampcra':
      return { details: { authmethods: ['wampcra'], authid: 'joe' }, answer: signing(password) };
    case 'wampcra salted':
      return { details: { authmethods: ['wampcra'], authid: 'ann' }, answer: signing(derivedKey) };
    case 'cryptosign':
      return { details: { authmethods: ['cryptosign'], authid: 'joe', authextra: { pubkey } }, answer: signed };
    case 'jwt HS256':
      return { details: { authmethods: ['jwt'] }, answer: always(token()) };
  }
}

/** Logins as a principal that exists, with credentials that are not its own. */
export const wrongLogins: readonly Login[] = [
  { details: loginOf('ticket').details, answer: () => 'a wrong ticket' },
  { details: loginOf('wampcra').details, answer: signing('a wrong secret') },
];

function signing(key: string): Login['answer'] {
  return ({ challenge }) => createHmac('sha256', key).update(String(challenge)).digest('base64');
}

function signed({ challenge }: Readonly<Record<string, unknown>>): string {
  const text = String(challenge);
  return sign(null, Buffer.from(text, 'hex'), privateKey).toString('hex') + text;
}

function always(text: string): Login['answer'] {
  return () => text;
}

function token(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const inDays = Math.floor(Date.now() / 1_000) + 86_400;
  const text = `${part({ alg: 'HS256' })}.${part({ sub: 'joe', exp: inDays })}`;
  return `${text}.${createHmac('sha256', password).update(text).digest('base64url')}`;
}
