import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createWampCra, deriveKey, signatureOf } from '../../../../src/session/auth/wampcra.js';
import { challenged, principals, SESSION } from './methods.js';

const salted = { salt: 'salt123', iterations: 1_000, keylen: 32 };
const method = createWampCra({
  principals: principals({
    joe: { key: 'secret123' },
    ann: { key: deriveKey('secret123', salted), salted },
  }),
  nonce: () => 'LHRTC9zeOIrt_9U3',
  wallMs: () => Date.UTC(2014, 5, 22, 16, 36, 25, 448),
});

// Known answers of the tests of autobahn-python and nexus, of Crossbar.io's documentation, and of rules 8.4.
it('signs and derives as in the known answers', () => {
  expect(signatureOf('L3L1YUE8Txlw', '[1, 2, 3]')).toBe('1njQtmmeYO41N5EWEzD2kAjjEKRZ5kPZt/TzpYXOzR0=');
  expect(deriveKey('L3L1YUE8Txlw', salted)).toBe('qzcdsr9uu/L5hnss3kjNTRe490ETgA70ZBaB5rvnJ5Y=');
  const few = { salt: 'salt123', iterations: 100, keylen: 16 };
  expect(deriveKey('secret1', few)).toBe('prq7+YkJ1/KlW1X0YczMHw==');
  expect(deriveKey(deriveKey('secret1', few), few)).toBe('fPCrUKxzKFHkuQQIbjrTWQ==');
  const nexus =
    '{ "nonce":"LHRTC9zeOIrt_9U3", "authprovider":"userdb", "authid":"peter",' +
    ' "timestamp":"2014-06-22T16:36:25.448Z",' +
    ' "authrole":"user", "authmethod":"wampcra",' +
    ' "session":3251278072152162 }';
  expect(nexus).toHaveLength(184);
  expect(signatureOf('secret', nexus)).toBe('NWktSrMd4ItBSAKYEwvu1bTY7G/sSyjKbz+pNP9c04A=');
  expect(signatureOf(deriveKey('password', salted), nexus)).toBe('hk/2riA2JqydfL5wLoicrYfAt8uNeP6nikk9kqDhsnM=');
  expect(deriveKey('secret123', salted)).toBe('Eu7CQLfR+/Ffb+275A4s9/6H/RGKYxM4s6IMrsNKzC8=');
  const own =
    '{"authid":"peter","authrole":"user","authmethod":"wampcra","authprovider":"userdb","nonce":"LHRTC9zeOIrt_9U3",' +
    '"timestamp":"2014-06-22T16:36:25.448Z","session":3251278072152162}';
  expect(signatureOf('secret123', own)).toBe('gzUNiJ8tCk/HtlObQVIKGmTS66MJMepc/ubXxpSHVys=');
  expect(signatureOf(deriveKey('secret123', salted), own)).toBe('ZjTRXS6ri5Obbrm3Ih+retS0yPh5m/ojH7Wa7hTRyWc=');
});

it('challenges with a text that names the session of WELCOME, and with the salt of salted secrets only (AUT-3)', async () => {
  const plain = await challenged(method, 'joe');
  expect(Object.keys(plain.extra)).toEqual(['challenge']);
  const text = plain.extra['challenge'] as string;
  expect(JSON.parse(text)).toEqual({
    authid: 'joe',
    authrole: 'user',
    authmethod: 'wampcra',
    authprovider: 'static',
    session: SESSION,
    nonce: 'LHRTC9zeOIrt_9U3',
    timestamp: '2014-06-22T16:36:25.448Z',
  });
  expect(plain.answer(signatureOf('secret123', text), {})).toMatchObject({ kind: 'granted' });
  const withSalt = await challenged(method, 'ann');
  expect(withSalt.extra).toMatchObject(salted);
  const signature = signatureOf(deriveKey('secret123', salted), withSalt.extra['challenge'] as string);
  expect(withSalt.answer(signature, {})).toMatchObject({ kind: 'granted', principal: { authid: 'ann' } });
});

it('refuses every other signature (AUT-4)', async () => {
  const step = await challenged(method, 'joe');
  const right = signatureOf('secret123', step.extra['challenge'] as string);
  const wrong = [right.slice(0, -1), `${right}=`, right.toLowerCase(), '', signatureOf('Secret123', 'x')];
  for (const signature of wrong) expect(step.answer(signature, {})).toMatchObject({ kind: 'refused' });
});

it('challenges unknown principals as if they were known, the same each time, and accepts nothing of them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 1 }), async (authid) => {
      fc.pre(authid !== 'joe' && authid !== 'ann');
      const first = await challenged(method, authid);
      const second = await challenged(method, authid);
      expect(second.extra).toEqual(first.extra);
      expect(JSON.parse(first.extra['challenge'] as string)).toMatchObject({ authid, authrole: 'user' });
      for (const key of ['secret123', '', 'LHRTC9zeOIrt_9U3'])
        expect(await first.answer(signatureOf(key, first.extra['challenge'] as string), {})).toMatchObject({
          kind: 'refused',
          fault: { error: 'wamp.error.authentication_denied' },
        });
    }),
    { numRuns: 100 },
  );
});

it.each<[salt: string, form: RegExp]>([
  ['4c6f6e67', /^[0-9a-f]{8}$/],
  ['4C6F6E67A1', /^[0-9A-F]{10}$/],
  ['12345678', /^[0-9]{8}$/],
  ['salt', /^[a-z]{4}$/],
  ['salt123', /^[0-9a-z]{7}$/],
  ['Salt-of 7', /^[0-9A-Za-z]{4}-[0-9A-Za-z]{2} [0-9A-Za-z]$/],
  ['c2FsdHk', /^[0-9A-Za-z_-]{7}$/],
  [Buffer.alloc(100, 'salt').toString('base64'), /^[0-9A-Za-z+/]{134}==$/],
])('challenges unknown principals with a salt of the form that known ones have: %s', async (salt, form) => {
  const principal = { joe: { key: 'x', salted: { ...salted, salt } } };
  const alike = createWampCra({ principals: principals(principal), nonce: () => 'n', wallMs: () => 0 });
  const salts = await Promise.all(
    ['nobody', 'nobody2', 'x'.repeat(5_000)].map(async (authid) => (await challenged(alike, authid)).extra['salt']),
  );
  for (const one of salts) expect(one).toMatch(form);
  expect(new Set([salt, ...salts]).size).toBe(4);
});
