import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  createScram,
  type ScramCredential,
  type ScramExchange,
  type ScramDialect,
} from '../../../../src/session/auth/scram.js';
import { AUTOBAHN_SCRAM, WAMP_SCRAM } from '../../../../src/session/auth/scram-dialects.js';
import type { Dict } from '../../../../src/wamp/options.js';
import { begin, challenged, principals } from './methods.js';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();

// Computed independently, for the password secret123.
const SALTED_PASSWORD = hex('e81417bd914562790ea4f21f0b00d8d1cbb42e626cc25373050e89f4817f80a6');
const CREDENTIAL: ScramCredential = {
  kdf: { kind: 'pbkdf2', iterations: 4_096 },
  salt: hex('00112233445566778899aabbccddeeff'),
  storedKey: hex('067d67f2156c4fc8493f89deb769787ad14b4c90d3ac71686c9036996e279b1a'),
  serverKey: hex('9aa8460a1fceae068297a71e2cf04edbee1234c54dbd56af7ae87cde3dce2d9c'),
};
const CLIENT_NONCE = 'ASNFZ4mrze8BI0VniavN7w==';

function methodOf(dialect: ScramDialect, entries: Readonly<Record<string, ScramCredential>> = { peter: CREDENTIAL }) {
  return createScram({
    dialect,
    principals: principals(entries),
    randomBytes: () => hex('fedcba9876543210fedcba9876543210'),
  });
}

/** The proof of a client that knows the salted password. */
function proofOf(saltedPassword: Uint8Array, authMessage: string): string {
  const clientKey = hmac(saltedPassword, 'Client Key');
  const storedKey = createHash('sha256').update(clientKey).digest();
  const signature = hmac(storedKey, authMessage);
  return Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!)).toString('base64');
}

describe('the dialect of the specification (X-20)', () => {
  const method = methodOf(WAMP_SCRAM);
  const nonce = 'ASNFZ4mrze8BI0VniavN7w==/ty6mHZUMhD+3LqYdlQyEA==';

  it('accepts the known proof, and proves that the router has the keys', async () => {
    expect(pbkdf2Sync('secret123', CREDENTIAL.salt, 4_096, 32, 'sha256')).toEqual(SALTED_PASSWORD);
    const step = await challenged(method, 'peter', { nonce: CLIENT_NONCE, channel_binding: null });
    expect(step.extra).toEqual({
      nonce,
      salt: 'ABEiM0RVZneImaq7zN3u/w==',
      kdf: 'pbkdf2',
      iterations: 4_096,
      memory: null,
    });
    const extra = { nonce, channel_binding: null, cbind_data: null };
    expect(step.answer('ybpfku1P7yLsWA86ZSJl4CColaNo0x+p1zCPnABYPC8=', extra)).toEqual({
      kind: 'granted',
      principal: {
        authid: 'peter',
        authrole: 'user',
        authprovider: 'static',
        proof: { verifier: 'vCcbktLNAX35QCsZ/Bj8tUpNmisuSMyrb+VMlgW1Z0I=' },
      },
    });
  });

  // RFC 7677 §3.
  it('has the message of RFC 7677', () => {
    const exchange: ScramExchange = {
      authid: 'user',
      clientNonce: 'rOprNGfwEbeRWgbNEkqO',
      serverNonce: 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
      salt: Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'),
      kdf: { kind: 'pbkdf2', iterations: 4_096 },
    };
    const saltedPassword = pbkdf2Sync('pencil', exchange.salt, 4_096, 32, 'sha256');
    const message = WAMP_SCRAM.authMessage(exchange);
    expect(proofOf(saltedPassword, message)).toBe('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=');
    const serverKey = hmac(saltedPassword, 'Server Key');
    expect(hmac(serverKey, message).toString('base64')).toBe('6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  });

  it('refuses another nonce, a bound channel and a wrong proof', async () => {
    const answers: [string, Dict][] = [
      ['ybpfku1P7yLsWA86ZSJl4CColaNo0x+p1zCPnABYPC8=', {}],
      ['ybpfku1P7yLsWA86ZSJl4CColaNo0x+p1zCPnABYPC8=', { nonce: CLIENT_NONCE }],
      ['ybpfku1P7yLsWA86ZSJl4CColaNo0x+p1zCPnABYPC8=', { nonce, channel_binding: 'tls-unique' }],
      ['ybpfku1P7yLsWA86ZSJl4CColaNo0x+p1zCPnABYPC8=', { nonce, cbind_data: 'eA==' }],
      ['ybpfku1P7yLsWA86ZSJl4CColaNo0x+p1zCPnABYPC8A', { nonce }],
      ['ybpfku1P7yLsWA86ZSJl4CColaNo0x+p1zCPnABYPA==', { nonce }],
      ['', { nonce }],
    ];
    for (const [proof, extra] of answers) {
      const step = await challenged(method, 'peter', { nonce: CLIENT_NONCE });
      expect(await step.answer(proof, extra)).toMatchObject({
        kind: 'refused',
        fault: { error: 'wamp.error.authentication_denied' },
      });
    }
  });

  it('escapes what has a meaning in the message', async () => {
    const odd = methodOf(WAMP_SCRAM, { 'a=b,c': CREDENTIAL });
    const step = await challenged(odd, 'a=b,c', { nonce: CLIENT_NONCE });
    const message = `n=a=3Db=2Cc,r=${CLIENT_NONCE},r=${nonce},s=ABEiM0RVZneImaq7zN3u/w==,i=4096,` + `c=biws,r=${nonce}`;
    expect(step.answer(proofOf(SALTED_PASSWORD, message), { nonce })).toMatchObject({ kind: 'granted' });
  });

  it('refuses HELLO without a nonce, with one that breaks the message, or with a channel to bind', async () => {
    for (const authextra of [
      undefined,
      {},
      { nonce: 7 },
      { nonce: 'short' },
      { nonce: 'with,comma,in' },
      { nonce: 'n'.repeat(257) },
      { nonce: CLIENT_NONCE, channel_binding: 'tls-exporter' },
    ])
      expect(await begin(method, 'peter', authextra)).toMatchObject({
        kind: 'refused',
        fault: { error: 'wamp.error.authentication_failed' },
      });
  });

  it('challenges an unknown authid with a salt of its own, the same each time', async () => {
    const known = await challenged(method, 'peter', { nonce: CLIENT_NONCE });
    const first = await challenged(method, 'nobody', { nonce: CLIENT_NONCE });
    const again = await challenged(methodOf(WAMP_SCRAM), 'nobody', { nonce: CLIENT_NONCE });
    const other = await challenged(method, 'nobody2', { nonce: CLIENT_NONCE });
    expect(again.extra).toEqual(first.extra);
    expect(first.extra).toMatchObject({ kdf: 'pbkdf2', iterations: 4_096, memory: null });
    expect(new Set([known, first, other].map(({ extra }) => extra['salt'])).size).toBe(3);
    // Keys of zeros are no keys.
    const message = WAMP_SCRAM.authMessage({
      authid: 'nobody',
      clientNonce: CLIENT_NONCE,
      serverNonce: nonce,
      salt: Buffer.from(first.extra['salt'] as string, 'base64'),
      kdf: CREDENTIAL.kdf,
    });
    expect(await first.answer(proofOf(SALTED_PASSWORD, message), { nonce })).toMatchObject({ kind: 'refused' });
  });
});

it.each([8, 16, 24, 64])(
  'challenges an unknown authid with a salt of %i bytes where known ones have those',
  async (length) => {
    const method = methodOf(WAMP_SCRAM, { peter: { ...CREDENTIAL, salt: Buffer.alloc(length, 1) } });
    const { extra } = await challenged(method, 'nobody', { nonce: CLIENT_NONCE });
    expect(Buffer.from(extra['salt'] as string, 'base64')).toHaveLength(length);
  },
);

describe('the dialect of autobahn-python (X-20)', () => {
  const argon: ScramCredential = { ...CREDENTIAL, kdf: { kind: 'argon2id', iterations: 32, memoryKiB: 512 } };

  it('sends the keys that its clients know, and no other', async () => {
    const step = await challenged(methodOf(AUTOBAHN_SCRAM, { peter: argon }), 'peter', { nonce: CLIENT_NONCE });
    expect(step.extra).toEqual({
      nonce: 'ASNFZ4mrze8BI0VniavN7/7cuph2VDIQ/ty6mHZUMhA=',
      kdf: 'argon2id-13',
      salt: 'ABEiM0RVZneImaq7zN3u/w==',
      iterations: 32,
      memory: 512,
    });
  });

  it('accepts the known proof, and proves that the router has the keys', async () => {
    const step = await challenged(methodOf(AUTOBAHN_SCRAM), 'peter', { nonce: CLIENT_NONCE });
    expect(step.answer('phQyhsAt6EIfWhM0l+e+mVAFSQl1oXY0egF7pSXJ0/g=', {})).toMatchObject({
      kind: 'granted',
      principal: { proof: { scram_server_signature: 'E7mVJD9oXNlkt9N6nKwtF1rvyzNy7PCDVlKRu3AU0+s=' } },
    });
  });

  // The exchange of autobahn-python's own test.
  it('has the message of autobahn-python', () => {
    const saltText = '31323334353637383930616263646566';
    const message = AUTOBAHN_SCRAM.authMessage({
      authid: 'username',
      clientNonce: '31323334353637383930616263646566',
      serverNonce: '1234567890abcdeffedcba0987654321',
      salt: Buffer.from(saltText, 'base64'),
      kdf: { kind: 'argon2id', iterations: 32, memoryKiB: 512 },
    });
    expect(message).toBe(
      'n=username,r=31323334353637383930616263646566,r=1234567890abcdeffedcba0987654321,' +
        `s=${saltText},i=32,c=,r=1234567890abcdeffedcba0987654321`,
    );
  });
});
