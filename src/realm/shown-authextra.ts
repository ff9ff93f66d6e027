import { pack } from '../backplane/packr.js';
import type { Dict } from '../wamp/options.js';

/** The authextra of a session as other sessions see it: none if it has more bytes. */
export function shownAuthextra(authextra: Dict | undefined, maxBytes: number): Dict | undefined {
  if (authextra === undefined || maxBytes === 0) return undefined;
  const packed = pack(authextra);
  return packed instanceof Uint8Array && packed.length <= maxBytes ? authextra : undefined;
}
