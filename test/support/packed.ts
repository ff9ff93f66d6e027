import { pack } from '../../src/backplane/packr.js';

/** As MessagePack. */
export function packed(value: unknown): Uint8Array {
  const bytes = pack(value);
  if (!(bytes instanceof Uint8Array)) throw new Error(bytes.message);
  return bytes;
}
