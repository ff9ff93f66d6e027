import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { secretReader, type SecretInput } from '../../../../src/cli/credentials/read-secret.js';

const read = (...parts: (string | Uint8Array)[]): Promise<string> => {
  const input = Readable.from(parts.map((part) => Buffer.from(part))) as unknown as SecretInput;
  return secretReader(
    () => input,
    () => expect.unreachable('prompts at no terminal'),
  )('password');
};

it.each([
  [['secret'], 'secret'],
  [['sec', 'ret\n'], 'secret'],
  [['secret\r\n'], 'secret'],
  [[' two\nlines \n\n'], ' two\nlines \n'],
  [[Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1)], 'é'],
])('reads %j from a pipe as %j', async (parts, secret) => {
  expect(await read(...parts)).toBe(secret);
});

it.each<[parts: (string | Uint8Array)[], message: string]>([
  [[], 'the password is empty: it is read from standard input'],
  [['\n'], 'the password is empty: it is read from standard input'],
  [['x'.repeat(4_097)], 'the password has more than 4096 bytes'],
  [['x'.repeat(100_000), 'y'], 'the password has more than 4096 bytes'],
  [[Uint8Array.of(0xff)], 'standard input is not UTF-8 text'],
])('refuses what cannot be a secret: %#', async (parts, message) => {
  await expect(read(...parts)).rejects.toThrow(message);
});
