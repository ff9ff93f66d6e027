import { z } from 'zod';

const HEX = /^[0-9a-fA-F]{64}$/;
/** A line of `authorized_keys` or of a `.pub` file, without options. */
const SSH_LINE = /^ssh-ed25519[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t].*)?$/;
/** Both fields of the blob of an SSH key begin with their length: the name of the algorithm, and the 32 bytes. */
const SSH_BLOB_PREFIX = Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from('ssh-ed25519'),
  Buffer.from([0, 0, 0, 32]),
]);
const KEY_BYTES = 32;

/** A public key of Ed25519: 64 hexadecimal digits, or a line as OpenSSH writes it. The result is lower-case hexadecimal. */
export const publicKey = z
  .string()
  .max(16_384)
  .refine(
    (text) => hexOf(text) !== undefined,
    'Invalid value: expected 32 bytes as 64 hexadecimal digits, or a line "ssh-ed25519 AAAA…" as in a .pub file',
  )
  .transform((text) => hexOf(text) ?? '');

function hexOf(text: string): string | undefined {
  if (HEX.test(text)) return text.toLowerCase();
  const [, base64 = ''] = SSH_LINE.exec(text.trim()) ?? [];
  const blob = Buffer.from(base64, 'base64');
  const prefixLength = SSH_BLOB_PREFIX.length;
  if (blob.length !== prefixLength + KEY_BYTES || !blob.subarray(0, prefixLength).equals(SSH_BLOB_PREFIX))
    return undefined;
  return blob.subarray(prefixLength).toString('hex');
}
