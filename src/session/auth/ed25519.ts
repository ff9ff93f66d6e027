import { createPublicKey, verify, type KeyObject } from 'node:crypto';

/** DER of a SubjectPublicKeyInfo for Ed25519; the 32 bytes of the key follow (RFC 8410). */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');

/** Throws when the bytes are no public key. */
export function ed25519Key(bytes: Uint8Array): KeyObject {
  if (bytes.length !== 32) throw new TypeError(`an Ed25519 key has 32 bytes, not ${bytes.length}`);
  return createPublicKey({ key: Buffer.concat([SPKI_HEAD, bytes]), format: 'der', type: 'spki' });
}

export function isSignedBy(key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean {
  return signature.length === 64 && verify(null, message, key, signature);
}
