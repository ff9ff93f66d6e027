import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAnonymous } from '../../../../src/session/auth/anonymous.js';
import type {
  AuthenticatorCall,
  AuthenticatorEntry,
  AuthenticatorReply,
  Authenticators,
} from '../../../../src/session/auth/authenticator.js';
import { createCryptosign } from '../../../../src/session/auth/cryptosign.js';
import type { AuthMethod, AuthRequest, AuthStep } from '../../../../src/session/auth/method.js';
import { createScram } from '../../../../src/session/auth/scram.js';
import { WAMP_SCRAM } from '../../../../src/session/auth/scram-dialects.js';
import { createTicket } from '../../../../src/session/auth/ticket.js';
import { createTls } from '../../../../src/session/auth/tls.js';
import { TokenReader } from '../../../../src/session/auth/token.js';
import { createWampCra } from '../../../../src/session/auth/wampcra.js';
import type { Dict } from '../../../../src/wamp/options.js';
import { begin, SESSION, TRANSPORT } from './methods.js';

const PUBKEY = 'ab'.repeat(32);
const KEYS = { salt: 'ab'.repeat(16), storedKey: PUBKEY, serverKey: PUBKEY };

/** Authenticators that reply in this order, the last reply again and again. */
class Recorded implements Authenticators {
  readonly calls: AuthenticatorCall[] = [];
  readonly flaws: string[] = [];
  readonly #replies: AuthenticatorReply[];

  constructor(...replies: AuthenticatorReply[]) {
    this.#replies = replies;
  }

  ask(call: AuthenticatorCall): Promise<AuthenticatorReply> {
    this.calls.push(call);
    const reply = this.#replies.length > 1 ? this.#replies.shift() : this.#replies[0];
    return Promise.resolve(reply ?? { kind: 'failed' });
  }

  unusable(_call: unknown, flaw: string): void {
    this.flaws.push(flaw);
  }
}

const returned = (value: unknown): AuthenticatorReply => ({ kind: 'returned', value });
const REFUSED: AuthenticatorReply = { kind: 'refused' };
const FAILED: AuthenticatorReply = { kind: 'failed' };

function entry(procedure: string, more: Partial<AuthenticatorEntry> = {}): AuthenticatorEntry {
  return { procedure, timeoutMs: 100, mayChooseRealm: false, onUnavailable: 'close', ...more };
}

const ONE = [entry('com.one')];
const methodsWith = (authenticators: readonly AuthenticatorEntry[]): Readonly<Record<string, AuthMethod>> => ({
  ticket: createTicket(new Map(), authenticators),
  anonymous: createAnonymous({ role: undefined, authenticators, randomAuthid: () => 'random' }),
  wampcra: createWampCra({ principals: new Map(), authenticators, nonce: () => 'n', wallMs: () => 0 }),
  'wamp-scram': createScram({
    dialect: WAMP_SCRAM,
    principals: new Map(),
    authenticators,
    randomBytes: (count) => Buffer.alloc(count),
  }),
  cryptosign: createCryptosign({ principals: new Map(), authenticators, randomBytes: (count) => Buffer.alloc(count) }),
});
const NAMES = Object.keys(methodsWith(ONE));

/** The step that the answer of the authenticator decides: for tickets the second. */
async function decided(name: string, authenticators: Authenticators, entries = ONE): Promise<AuthStep> {
  const method = methodsWith(entries)[name]!;
  const step = await begin(method, 'ann', { nonce: 'nonce-of-client', pubkey: PUBKEY }, authenticators);
  return name === 'ticket' && step.kind === 'challenge' ? step.answer('secret', {}) : step;
}

describe.each(NAMES)('%s', (name) => {
  it('asks one authenticator after the other, until one knows the client', async () => {
    const replies = new Recorded(
      REFUSED,
      returned({ role: 'user', secret: 's', pubkey: PUBKEY, kdf: 'pbkdf2', iterations: 1, ...KEYS }),
    );
    const step = await decided(name, replies, [
      entry('com.one'),
      entry('com.two', { realm: 'com.other' }),
      entry('com.three'),
    ]);
    expect(['granted', 'challenge']).toContain(step.kind);
    expect(replies.calls.map(({ procedure, realm }) => [procedure, realm])).toEqual([
      ['com.one', 'com.example.realm'],
      ['com.two', 'com.other'],
    ]);
    expect(replies.calls[0]?.args.slice(0, 2)).toEqual(['com.example.realm', 'ann']);
    expect(replies.calls[0]?.args[2]).toMatchObject({ session: SESSION, authmethod: name });
    expect(replies.flaws).toEqual([]);
  });

  it('does not ask the next one when one cannot decide', async () => {
    const replies = new Recorded(FAILED);
    expect(await decided(name, replies, [entry('com.one'), entry('com.two')])).toMatchObject({
      kind: 'postponed',
      reason: { cause: 'undecided' },
    });
    expect(replies.calls).toHaveLength(1);
  });

  it('aborts where the entry demands it', async () => {
    expect(await decided(name, new Recorded(FAILED), [entry('com.one', { onUnavailable: 'abort' })])).toMatchObject({
      kind: 'refused',
      fault: { error: 'wamp.error.authentication_failed' },
    });
  });

  it('ends in a denial when every authenticator refuses, behind a challenge where the method has one', async () => {
    const step = await decided(name, new Recorded(REFUSED));
    const last = step.kind === 'challenge' ? await step.answer('00'.repeat(64), {}) : step;
    expect(last).toMatchObject({ kind: 'refused', fault: { error: 'wamp.error.authentication_denied' } });
  });

  it('takes no result but those that it knows: never throws, never grants by accident', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.anything(),
          fc.dictionary(
            fc.constantFrom('role', 'authid', 'realm', 'extra', 'secret', 'salt', 'pubkey', 'kdf', '__proto__'),
            fc.anything(),
          ),
        ),
        async (value) => {
          const replies = new Recorded(returned(value));
          const step = await decided(name, replies);
          if (step.kind === 'postponed') expect(replies.flaws).toHaveLength(1);
          if (step.kind !== 'granted') return;
          const { role } = typeof value === 'string' ? { role: value } : (value as { role: unknown });
          expect(step.principal.authrole).toBe(role);
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each<[what: string, flaw: string, authid: string, authextra: Dict]>([
    ['a text that JSON cannot express', 'json: text that begins with U+0000', 'ann', { text: '\0' }],
    ['a number that JSON cannot express', 'json: the number NaN', 'ann', { number: Number.NaN }],
    ['a key that MessagePack cannot express', 'msgpack: the key', 'ann', JSON.parse('{"__proto__":1}') as Dict],
    ['an authid that nobody has', 'authid is longer than 255 characters', 'a'.repeat(256), {}],
  ])('refuses a client that sends %s, and asks nobody (SER-3)', async (_what, flaw, authid, authextra) => {
    const replies = new Recorded(returned({ role: 'user' }));
    const hello = { nonce: 'nonce-of-client', pubkey: PUBKEY, ...authextra };
    const first = await begin(methodsWith(ONE)[name]!, authid, Object.assign(Object.create(null), hello), replies);
    const step = name === 'ticket' && first.kind === 'challenge' ? await first.answer('secret', {}) : first;
    expect(step).toMatchObject({ kind: 'refused', fault: { error: 'wamp.error.authentication_failed' } });
    expect(step.kind === 'refused' && step.fault.message).toContain(flaw);
    expect(replies).toMatchObject({ calls: [], flaws: [] });
  });

  it('does not take a role from the prototype', async () => {
    const replies = new Recorded(returned(JSON.parse('{"__proto__":{"role":"user","secret":"s"}}')));
    expect((await decided(name, replies)).kind).toBe('postponed');
    expect(replies.flaws).toEqual(['role is missing, or no name']);
  });
});

describe('a result', () => {
  it.each<[flaw: string, result: unknown]>([
    ['it is neither a string nor a dict', 7],
    ['role is missing', {}],
    ['role is missing', ''],
    ['authid is missing', { role: 'user', authid: 7 }],
    ['realm is no name', { role: 'user', realm: 7 }],
    ['mayChooseRealm is not set', { role: 'user', realm: 'com.other' }],
    ['extra is no dict', { role: 'user', extra: [] }],
    ['extra cannot be represented in json', { role: 'user', extra: { n: Number.NaN } }],
    ['extra cannot be represented in json', { role: 'user', extra: { text: '\0' } }],
    ['extra cannot be represented in msgpack', { role: 'user', extra: JSON.parse('{"__proto__":1}') }],
    ['role is missing, or no name', { role: '\0user' }],
    ['role is missing, or no name', '\0user'],
    ['authid is missing, or no name', { role: 'user', authid: '\0ann' }],
    ['authid is missing, or no name', { role: 'user', authid: 'ann\ud800' }],
    ['realm is no name', { role: 'user', realm: '\0com.other' }],
  ])('cannot be used: %s', async (flaw, result) => {
    const replies = new Recorded(returned(result));
    expect((await decided('ticket', replies)).kind).toBe('postponed');
    expect(replies.flaws).toEqual([expect.stringContaining(flaw)]);
  });

  it.each<[flaw: string, result: object]>([
    ['neither secret nor derivedKey', {}],
    ['or both', { secret: 'a', derivedKey: 'b' }],
    ['its secret is no text', { secret: 7 }],
    ['derivedKey needs a salt', { derivedKey: 'b' }],
    ['salt is no text', { secret: 'a', salt: 7 }],
    ['iterations', { secret: 'a', salt: 's', iterations: 0 }],
    ['iterations', { secret: 'a', salt: 's', iterations: 1e9 }],
    ['derivedKey', { secret: 'a', salt: 's', iterations: 50_001 }],
    ['keylen', { secret: 'a', salt: 's', keylen: 30 }],
  ])('of wampcra cannot be used: %s', async (flaw, result) => {
    const replies = new Recorded(returned({ role: 'user', ...result }));
    expect((await decided('wampcra', replies)).kind).toBe('postponed');
    expect(replies.flaws).toEqual([expect.stringContaining(flaw)]);
  });

  it.each<[flaw: string, result: object]>([
    ['kdf', { iterations: 1, kdf: 'scrypt' }],
    ['iterations', { kdf: 'pbkdf2' }],
    ['memory', { kdf: 'argon2id13', iterations: 1 }],
    ['salt', { kdf: 'pbkdf2', iterations: 1, salt: 'xy' }],
    ['storedKey', { kdf: 'pbkdf2', iterations: 1, storedKey: 'ab' }],
    ['serverKey', { kdf: 'pbkdf2', iterations: 1, serverKey: 'ab' }],
  ])('of SCRAM cannot be used: %s', async (flaw, result) => {
    const replies = new Recorded(returned({ role: 'user', ...KEYS, ...result }));
    expect((await decided('wamp-scram', replies)).kind).toBe('postponed');
    expect(replies.flaws).toEqual([expect.stringContaining(flaw)]);
  });

  it('of cryptosign must have the key that the client announced', async () => {
    const replies = new Recorded(returned({ role: 'user', pubkey: 'cd'.repeat(32) }));
    expect((await decided('cryptosign', replies)).kind).toBe('postponed');
    expect(replies.flaws).toEqual([expect.stringContaining('another than the client announced')]);
  });

  it('may choose the realm where the entry demands it', async () => {
    const entries = [entry('com.one', { mayChooseRealm: true })];
    const replies = new Recorded(returned({ role: 'user', realm: 'com.other' }));
    expect(await decided('ticket', replies, entries)).toMatchObject({
      kind: 'granted',
      principal: { realm: 'com.other', authprovider: 'dynamic' },
    });
  });
});

describe('the challenge of a client that every authenticator refuses', () => {
  it.each(['wampcra', 'wamp-scram'])('looks like that of the last known one, by %s', async (name) => {
    const salted = { secret: 's', salt: 'salt', iterations: 7, keylen: 16 };
    const known = returned({ role: 'user', kdf: 'pbkdf2', ...KEYS, ...salted, ...(name === 'wampcra' ? {} : KEYS) });
    const replies = new Recorded(known, REFUSED);
    const method = methodsWith(ONE)[name]!;
    const hello = { nonce: 'nonce-of-client' };
    const [first, second, third] = [
      await begin(method, 'ann', hello, replies),
      await begin(method, 'bob', hello, replies),
      await begin(method, 'bob', hello, replies),
    ];
    const [extra, decoy, again] = [first, second, third].map((step) =>
      step.kind === 'challenge' ? step.extra : undefined,
    );
    expect(Object.keys(decoy ?? {})).toEqual(Object.keys(extra ?? {}));
    expect(decoy?.['iterations']).toBe(7);
    expect(decoy?.['salt']).not.toBe(extra?.['salt']);
    expect(again?.['salt']).toBe(decoy?.['salt']);
  });
});

describe('certificates and tokens', () => {
  const CERTIFICATE = { sha256: 'ab'.repeat(32), commonName: 'device', subject: { CN: 'device', OU: ['a', 'b'] } };
  const SHOWN = {
    sha256: Array.from({ length: 32 }, () => 'AB').join(':'),
    cn: 'device',
    subject: CERTIFICATE.subject,
  };
  const request = (authenticators: Authenticators, more: Partial<AuthRequest> = {}): AuthRequest => ({
    realm: 'com.example.realm',
    details: { features: {}, authmethods: ['tls'], authid: 'claimed' },
    remoteAddress: TRANSPORT.peer,
    transport: TRANSPORT,
    session: () => SESSION,
    authenticators,
    signal: new AbortController().signal,
    ...more,
  });

  it('an authenticator decides on a certificate that no principal has, and must name the authid', async () => {
    const replies = new Recorded(returned({ role: 'user', authid: 'device7' }));
    const method = createTls(new Map(), ONE);
    const step = await method.begin(request(replies, { certificate: CERTIFICATE, isSecure: true }));
    expect(step).toMatchObject({ kind: 'granted', principal: { authid: 'device7', authprovider: 'dynamic' } });
    expect(replies.calls[0]?.args[2]).toMatchObject({
      authmethod: 'tls',
      transport: { is_secure: true, peer_cert: SHOWN, client_cert: SHOWN, http_headers_received: {} },
    });
    for (const result of [{ role: 'user' }, 'user']) {
      const nameless = new Recorded(returned(result));
      expect((await method.begin(request(nameless, { certificate: CERTIFICATE }))).kind).toBe('postponed');
      expect(nameless.flaws).toHaveLength(1);
    }
  });

  it('an authenticator is not asked about a client without certificate, or with that of a principal', async () => {
    const replies = new Recorded(returned({ role: 'user', authid: 'x' }));
    const principal = { authid: 'device7', authrole: 'device', authprovider: 'static' };
    const known = new Map([['device7', { principal, credential: { certificates: [CERTIFICATE.sha256] } }]]);
    const method = createTls(known, ONE);
    expect(await method.begin(request(replies))).toMatchObject({ kind: 'refused' });
    const own = { details: { features: {}, authmethods: [] }, certificate: CERTIFICATE };
    expect(await method.begin(request(replies, own))).toMatchObject({ kind: 'granted', principal });
    expect(replies.calls).toEqual([]);
  });

  const tokenReader = (claims: Dict, isValid = true, realm?: string): TokenReader =>
    new TokenReader(
      { verify: () => Promise.resolve(isValid ? { claims, validForMs: 5 } : undefined) },
      {
        authid: 'sub',
        role: 'role',
        fixedRole: undefined,
        realm,
        authextra: [],
        roles: new Set(),
        closeOnExpiry: true,
      },
      ONE[0],
    );

  it('an authenticator decides on the bearer of a verified token, who is the one that the token names', async () => {
    const replies = new Recorded(returned('user'), returned({ role: 'admin', authid: 'joe@example' }));
    const claims = { sub: 'joe', plan: 'gold' };
    const reader = tokenReader(claims);
    expect(await reader.decide('t', request(replies))).toMatchObject({
      kind: 'granted',
      principal: { authid: 'joe', authrole: 'user', authprovider: 'jwt', validForMs: 5 },
    });
    expect(replies.calls[0]?.args[2]).toMatchObject({ authmethod: 'jwt', claims });
    expect(await reader.decide('t', request(replies))).toMatchObject({ principal: { authid: 'joe@example' } });
    const nameless = new Recorded(returned('user'));
    expect((await tokenReader({}).decide('t', request(nameless))).kind).toBe('postponed');
  });

  it('an authenticator receives no token that is not valid, or not for the realm', async () => {
    const replies = new Recorded(returned('user'));
    expect(await tokenReader({ sub: 'joe' }, false).decide('t', request(replies))).toMatchObject({ kind: 'refused' });
    expect(await tokenReader({ sub: 'joe', r: 'x' }, true, 'r').decide('t', request(replies))).toMatchObject({
      kind: 'refused',
    });
    expect(replies.calls).toEqual([]);
    for (const [reply, kind] of [
      [REFUSED, 'refused'],
      [FAILED, 'postponed'],
    ] as const)
      expect((await tokenReader({ sub: 'joe' }).decide('t', request(new Recorded(reply)))).kind).toBe(kind);
  });

  it('receives the headers that the configuration names', async () => {
    const replies = new Recorded(returned({ role: 'user', authid: 'x' }));
    const headers = { origin: 'https://app.example' };
    await createTls(new Map(), ONE).begin(request(replies, { certificate: CERTIFICATE, headers }));
    expect(replies.calls[0]?.args[2]).toMatchObject({
      transport: { http_headers_received: headers, is_secure: false },
    });
  });
});
