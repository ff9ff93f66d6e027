import { describe, expect, it } from 'vitest';
import { LoginError } from '../../../src/client/login/login.js';
import { scramLogin } from '../../../src/client/login/scram.js';

const CHALLENGE = { kdf: 'pbkdf2', iterations: 64, salt: Buffer.alloc(16).toString('base64') };

/** A login that has answered a CHALLENGE. */
async function answered(change: object = {}): Promise<ReturnType<typeof scramLogin>> {
  const login = scramLogin('wamp-scram', 'joe', 'secret');
  const nonce = `${String(login.authextra?.['nonce'])}router`;
  await login.answer?.({ ...CHALLENGE, nonce, ...change });
  return login;
}

describe('a client that logs in with SCRAM', () => {
  it.each([
    ['a nonce that is not its own', { nonce: 'another' }],
    ['no salt', { salt: null }],
    ['a salt that is too short', { salt: 'AAAA' }],
    ['iterations without end', { iterations: 1e12 }],
    ['no iterations', { iterations: 0 }],
    ['another key derivation', { kdf: 'scrypt' }],
    ['argon2id with more memory than there is', { kdf: 'argon2id13', memory: 2 ** 40 }],
    ['argon2id that takes days', { kdf: 'argon2id13', memory: 2 ** 20, iterations: 10_000_000 }],
  ])('refuses a CHALLENGE with %s', async (_name, change) => {
    await expect(answered(change)).rejects.toThrow(LoginError);
  });

  it('refuses a router that does not know the keys', async () => {
    const login = await answered();
    for (const authextra of [{}, { verifier: '' }, { verifier: Buffer.alloc(32).toString('base64') }, { verifier: 7 }])
      expect(() => login.verify?.(authextra)).toThrow(/did not prove/);
  });

  it('refuses a router that admits it without a CHALLENGE', () => {
    expect(() => scramLogin('scram', 'joe', 'secret').verify?.({})).toThrow(LoginError);
  });
});
