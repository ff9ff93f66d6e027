import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createTokenVerifier } from '../../../../src/node/auth/token-verifier.js';
import type { TokenRules } from '../../../../src/config/schema.js';
import { isUnavailable } from '../../../../src/session/ports.js';

const NOW_S = 1_800_000_000;
const SECRET = 'a secret of more than thirty-two characters';
const ed25519 = generateKeyPairSync('ed25519');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();
const shared = { algorithm: 'HS256', secret: SECRET } as const;
const eddsa = { algorithm: 'EdDSA', publicKey: pem(ed25519.publicKey) } as const;
const rs256 = { algorithm: 'RS256', publicKey: pem(rsa.publicKey) } as const;
const es256 = { algorithm: 'ES256', publicKey: pem(ec.publicKey) } as const;

const RULES: TokenRules = {
  keys: [],
  algorithms: ['RS256', 'ES256', 'EdDSA'],
  clockToleranceS: 5,
  closeOnExpiry: true,
  asTicket: true,
  timeoutMs: 1,
  mayChooseRealm: false,
  onUnavailable: 'close',
  claims: { authid: 'sub', role: 'role', authextra: [] },
};

let wallS = NOW_S;
let monotonicMs = 0;
const unreadable: string[] = [];
const servers: Server[] = [];

afterEach(async () => {
  vi.useRealTimers();
  wallS = NOW_S;
  monotonicMs = 0;
  unreadable.length = 0;
  for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
});

function verifier(rules: Partial<TokenRules>): ReturnType<typeof createTokenVerifier> {
  return createTokenVerifier(
    { ...RULES, ...rules },
    { wallMs: () => wallS * 1_000, nowMs: () => monotonicMs, onUnreadable: (url) => void unreadable.push(url) },
  );
}

interface TokenParts {
  readonly alg?: string;
  readonly kid?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly expS?: number | undefined;
}

function token(key: KeyObject | Uint8Array, { alg = 'HS256', kid, claims = {}, expS = NOW_S + 60 }: TokenParts = {}) {
  const unsigned = new SignJWT({ sub: 'joe', ...claims }).setProtectedHeader(
    kid === undefined ? { alg } : { alg, kid },
  );
  return unsigned.setExpirationTime(expS).sign(key);
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** A server that publishes keys, and what it was asked. */
async function publisher(
  answer: () => { status?: number; body: unknown },
): Promise<{ url: string; count: () => number }> {
  let count = 0;
  const server = createServer((_, response) => {
    count++;
    const { status = 200, body } = answer();
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`, count: () => count };
}

const jwk = (key: KeyObject, kid: string, alg: string) => ({ ...key.export({ format: 'jwk' }), kid, alg, use: 'sig' });

describe('keys of the configuration', () => {
  it.each([
    ['HS256', shared, bytes(SECRET)],
    ['EdDSA', eddsa, ed25519.privateKey],
    ['RS256', rs256, rsa.privateKey],
    ['ES256', es256, ec.privateKey],
  ] as const)('verify tokens of %s, and how long they are valid', async (alg, key, signer) => {
    const verified = await verifier({ keys: [key] }).verify(await token(signer, { alg }));
    expect(verified).toMatchObject({ claims: { sub: 'joe' }, validForMs: 65_000 });
  });

  it('may be several, so that an issuer can change its key', async () => {
    const both = verifier({ keys: [{ ...rs256, publicKey: pem(otherRsa.publicKey) }, rs256] });
    expect(await both.verify(await token(rsa.privateKey, { alg: 'RS256' }))).toBeDefined();
    expect(await both.verify(await token(otherRsa.privateKey, { alg: 'RS256' }))).toBeDefined();
  });

  it('are left alone by a token that names another id', async () => {
    const one = verifier({ keys: [{ ...rs256, kid: 'one' }] });
    expect(await one.verify(await token(rsa.privateKey, { alg: 'RS256', kid: 'two' }))).toBeUndefined();
    expect(await one.verify(await token(rsa.privateKey, { alg: 'RS256', kid: 'one' }))).toBeDefined();
    expect(await one.verify(await token(rsa.privateKey, { alg: 'RS256' }))).toBeDefined();
  });
});

describe('a token is not valid', () => {
  it('without a signature', async () => {
    const unsigned = new UnsecuredJWT({ sub: 'joe' }).setExpirationTime(NOW_S + 60).encode();
    expect(await verifier({ keys: [shared, rs256] }).verify(unsigned)).toBeUndefined();
    const [, body] = unsigned.split('.');
    for (const alg of ['none', 'None', 'NONE', '']) {
      const head = Buffer.from(JSON.stringify({ alg, typ: 'JWT' })).toString('base64url');
      expect(await verifier({ keys: [shared, rs256] }).verify(`${head}.${body}.`)).toBeUndefined();
    }
  });

  it('when a public key served as the shared secret', async () => {
    for (const [key, text] of [
      [rs256, rs256.publicKey],
      [eddsa, eddsa.publicKey],
      [rs256, rs256.publicKey.trim()],
    ] as const) {
      const [head, body] = (await token(bytes(SECRET))).split('.');
      const mac = createHmac('sha256', text).update(`${head}.${body}`).digest('base64url');
      expect(await verifier({ keys: [key] }).verify(`${head}.${body}.${mac}`)).toBeUndefined();
    }
  });

  it('signed by another key, or changed afterwards', async () => {
    const rules = { keys: [rs256, shared] };
    expect(await verifier(rules).verify(await token(otherRsa.privateKey, { alg: 'RS256' }))).toBeUndefined();
    expect(await verifier(rules).verify(await token(bytes(`${SECRET}!`)))).toBeUndefined();
    const [head, , signature] = (await token(bytes(SECRET))).split('.');
    const body = Buffer.from(JSON.stringify({ sub: 'admin', exp: NOW_S + 60 })).toString('base64url');
    expect(await verifier(rules).verify(`${head}.${body}.${signature}`)).toBeUndefined();
  });

  it('with an algorithm of the same key that is not the configured one', async () => {
    expect(await verifier({ keys: [rs256] }).verify(await token(rsa.privateKey, { alg: 'RS512' }))).toBeUndefined();
    expect(await verifier({ keys: [rs256] }).verify(await token(rsa.privateKey, { alg: 'PS256' }))).toBeUndefined();
  });

  it('before its time, after it, or without an end', async () => {
    const one = verifier({ keys: [shared] });
    expect(await one.verify(await token(bytes(SECRET), { expS: NOW_S - 4 }))).toBeDefined();
    expect(await one.verify(await token(bytes(SECRET), { expS: NOW_S - 6 }))).toBeUndefined();
    expect(await one.verify(await token(bytes(SECRET), { claims: { nbf: NOW_S + 30 } }))).toBeUndefined();
    const endless = await new SignJWT({ sub: 'joe' }).setProtectedHeader({ alg: 'HS256' }).sign(bytes(SECRET));
    expect(await one.verify(endless)).toBeUndefined();
  });

  it('of another issuer or for another audience', async () => {
    const one = verifier({ keys: [shared], issuer: 'https://login.example', audience: ['gantry', 'other'] });
    const made = (claims: Readonly<Record<string, unknown>>) => token(bytes(SECRET), { claims });
    expect(await one.verify(await made({ iss: 'https://login.example', aud: 'gantry' }))).toBeDefined();
    expect(await one.verify(await made({ iss: 'https://login.example', aud: ['x', 'other'] }))).toBeDefined();
    expect(await one.verify(await made({ iss: 'https://login.example', aud: 'else' }))).toBeUndefined();
    expect(await one.verify(await made({ iss: 'https://login.example' }))).toBeUndefined();
    expect(await one.verify(await made({ iss: 'https://evil.example', aud: 'gantry' }))).toBeUndefined();
    expect(await one.verify(await made({ aud: 'gantry' }))).toBeUndefined();
  });

  it('whatever else a client sends', async () => {
    const one = verifier({ keys: [shared, rs256, eddsa] });
    const part = fc.oneof(
      fc.string(),
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
      fc.base64String(),
    );
    const junk = fc.oneof(
      fc.string(),
      fc.tuple(part, part, part).map((parts) => parts.join('.')),
    );
    await fc.assert(
      fc.asyncProperty(junk, async (text) => {
        expect(await one.verify(text)).toBeUndefined();
      }),
    );
  });

  it('with an extension that must be understood', async () => {
    const head = Buffer.from(JSON.stringify({ alg: 'EdDSA', crit: ['x'], x: 1 })).toString('base64url');
    const body = Buffer.from(JSON.stringify({ sub: 'joe', exp: NOW_S + 60 })).toString('base64url');
    const signature = sign(null, Buffer.from(`${head}.${body}`), ed25519.privateKey).toString('base64url');
    expect(await verifier({ keys: [eddsa] }).verify(`${head}.${body}.${signature}`)).toBeUndefined();
  });
});

describe('keys that the issuer publishes', () => {
  it('are read once, and again for a key that is new', async () => {
    let keys = [jwk(rsa.publicKey, 'one', 'RS256')];
    const issuer = await publisher(() => ({ body: { keys } }));
    const one = verifier({ jwksUrl: issuer.url });
    expect(await one.verify(await token(rsa.privateKey, { alg: 'RS256', kid: 'one' }))).toBeDefined();
    expect(await one.verify(await token(rsa.privateKey, { alg: 'RS256', kid: 'one' }))).toBeDefined();
    expect(issuer.count()).toBe(1);
    keys = [...keys, jwk(otherRsa.publicKey, 'two', 'RS256')];
    const next = await token(otherRsa.privateKey, { alg: 'RS256', kid: 'two' });
    // Not at once: a client that makes up names of keys must not cause a request to the issuer each time.
    expect(await one.verify(next)).toBeUndefined();
    expect(issuer.count()).toBe(1);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 10_001 });
    expect(await one.verify(next)).toBeDefined();
    expect(issuer.count()).toBe(2);
  });

  it('stay in use while they cannot be read again', async () => {
    let status = 200;
    const issuer = await publisher(() => ({ status, body: { keys: [jwk(rsa.publicKey, 'one', 'RS256')] } }));
    const one = verifier({ jwksUrl: issuer.url });
    const made = await token(rsa.privateKey, { alg: 'RS256', kid: 'one' });
    expect(await one.verify(made)).toBeDefined();
    status = 500;
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    for (let attempt = 0; attempt < 3; attempt++)
      expect(await one.verify(made)).toMatchObject({ claims: { sub: 'joe' } });
    expect(unreadable).toEqual([issuer.url]);
    expect(await one.verify(await token(otherRsa.privateKey, { alg: 'RS256', kid: 'two' }))).toBeUndefined();
  });

  it('are never shared secrets', async () => {
    const keys = [{ kty: 'oct', k: Buffer.from(SECRET).toString('base64url'), kid: 'one', alg: 'HS256' }];
    const issuer = await publisher(() => ({ body: { keys } }));
    expect(await verifier({ jwksUrl: issuer.url }).verify(await token(bytes(SECRET), { kid: 'one' }))).toBeUndefined();
  });

  it('postpone the decision while they cannot be had, and are not asked for each time', async () => {
    const issuer = await publisher(() => ({ status: 503, body: 'away' }));
    const one = verifier({ jwksUrl: issuer.url });
    const made = await token(rsa.privateKey, { alg: 'RS256', kid: 'one' });
    for (let attempt = 0; attempt < 3; attempt++) expect(isUnavailable(await one.verify(made))).toBe(true);
    expect(issuer.count()).toBe(1);
    expect(unreadable).toEqual([issuer.url]);
    monotonicMs += 10_000;
    expect(isUnavailable(await one.verify(made))).toBe(true);
    expect(issuer.count()).toBe(2);
  });

  it.each([
    ['no JSON', '<html>'],
    ['no key set', { message: 'hello' }],
    ['too large', { keys: [], padding: 'x'.repeat(1_100_000) }],
  ])('that are %s are no keys', async (_, body) => {
    const issuer = await publisher(() => ({ body }));
    const made = await token(rsa.privateKey, { alg: 'RS256', kid: 'one' });
    expect(isUnavailable(await verifier({ jwksUrl: issuer.url }).verify(made))).toBe(true);
  });
});
