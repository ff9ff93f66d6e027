import { MessageTooLargeError } from './backplane.js';
import { MAX_VALUE_BYTES } from './expiring-store.js';
import { pack } from './packr.js';

/** The bytes of a value for an ExpiringStore. Throws the errors with which its `put` rejects. */
export function packValue(value: unknown): Uint8Array {
  const bytes = pack(value);
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`a value of the store: ${bytes.message}`);
  if (bytes.length > MAX_VALUE_BYTES) throw new MessageTooLargeError();
  return bytes;
}
