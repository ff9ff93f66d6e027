import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { scramKeys, type ScramKeysCommand } from '../../../../src/cli/credentials/scram-keys.js';

const command = (fields: Partial<ScramKeysCommand>): ScramKeysCommand => ({
  kind: 'scram-keys',
  dialect: 'wamp-scram',
  kdf: 'pbkdf2',
  iterations: 4_096,
  memoryKiB: undefined,
  salt: undefined,
  ...fields,
});
const SALT = Buffer.from('00112233445566778899aabbccddeeff', 'hex');

describe('known answers of the dialect of the specification', () => {
  it('has the keys that the specification derives with PBKDF2', async () => {
    expect(await scramKeys(command({ salt: SALT.toString('hex') }), 'secret123', Buffer.alloc(16))).toEqual({
      kdf: 'pbkdf2',
      iterations: 4_096,
      salt: SALT.toString('hex'),
      storedKey: '067d67f2156c4fc8493f89deb769787ad14b4c90d3ac71686c9036996e279b1a',
      serverKey: '9aa8460a1fceae068297a71e2cf04edbee1234c54dbd56af7ae87cde3dce2d9c',
    });
  });

  it('has the keys of RFC 7677, and takes the random salt where none is given', async () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    expect(await scramKeys(command({}), 'pencil', salt)).toMatchObject({
      salt: salt.toString('hex'),
      storedKey: '586e5df283e6dceb5c3e791d8b8528ec191e664045ce971792e2e6b5bb13e2a6',
      serverKey: 'c1f3cbc1c13a9d35a14c0990eed97629ea225863e566a4314ab99f3f00e5d9d5',
    });
  });

  // Examples of RFC 4013 §3.
  it.each([
    ['I\u00adX', 'IX'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
  ])('normalizes the password %j to %j', async (password, normalized) => {
    const keys = (text: string): Promise<object> => scramKeys(command({ iterations: 1 }), text, SALT);
    expect(await keys(password)).toEqual(await keys(normalized));
    expect(await keys('ix')).not.toEqual(await keys('IX'));
  });

  it.each(['\u0007', '\u0627\u0031', '\u00ad'])('refuses the password %j without repeating it', async (password) => {
    const refused = scramKeys(command({ iterations: 1 }), password, SALT);
    await expect(refused).rejects.toMatchObject({ code: 'CREDENTIAL' });
    await expect(refused).rejects.not.toThrow(password);
  });

  it('uses the hash of argon2id itself', async () => {
    const fields = { kdf: 'argon2id', iterations: 32, memoryKiB: 512 } as const;
    const hash = Buffer.from('ee4a8acf9d5958354fb79a95ae20692d05e42591ba49fae85eb6700e8b0ed293', 'hex');
    const serverKey = createHmac('sha256', hash).update('Server Key').digest('hex');
    expect(await scramKeys(command(fields), 'p4ssw0rd', Buffer.from('1234567890abcdef'))).toMatchObject({
      kdf: 'argon2id',
      iterations: 32,
      memoryKiB: 512,
      serverKey,
    });
  });
});

describe('known answers of the dialect of autobahn-python', () => {
  const ofAutobahn = { dialect: 'scram', kdf: 'argon2id', memoryKiB: 512 } as const;

  it('has the keys of derive_scram_credential', async () => {
    const salt = 'ae1f0d2f422757809077785e660b62c6';
    expect(await scramKeys(command({ ...ofAutobahn, salt }), 'secret123', SALT)).toEqual({
      kdf: 'argon2id',
      iterations: 4_096,
      memoryKiB: 512,
      salt,
      storedKey: '5f19358ff6f38e267b6ef1ea1d862514ec4e8745a84682259fd3894be09febb5',
      serverKey: '0d8e7e9222a7c0e54c9e979aa342115699ff5696c45dc379b5ee241338a5861d',
    });
  });

  it('has the stored key behind the proof of a full exchange', async () => {
    const text = '31323334353637383930616263646566';
    const salt = Buffer.from(text, 'base64').toString('hex');
    const { storedKey } = await scramKeys(command({ ...ofAutobahn, iterations: 32, salt }), 'p4ssw0rd', SALT);
    const serverNonce = '1234567890abcdeffedcba0987654321';
    const message = `n=username,r=${text},r=${serverNonce},s=${text},i=32,c=,r=${serverNonce}`;
    const key = Buffer.from(String(storedKey), 'hex');
    const signature = createHmac('sha256', key).update(message).digest();
    const clientKey = Buffer.from('f5r3loERzGVSuimE+lvO0bWna2zyswBo0HrZkaaEy38=', 'base64').map(
      (byte, index) => byte ^ signature[index]!,
    );
    expect(timingSafeEqual(createHash('sha256').update(clientKey).digest(), key)).toBe(true);
  });

  it('takes the password as it is', async () => {
    const fields = command({ ...ofAutobahn, iterations: 1, memoryKiB: 8 });
    expect(await scramKeys(fields, '\u2168', SALT)).not.toEqual(await scramKeys(fields, 'IX', SALT));
  });
});
