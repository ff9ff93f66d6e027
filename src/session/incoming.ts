import type { Codec } from '../codec/codec.js';
import type { HeadCache } from '../codec/head-cache.js';
import { Code } from '../wamp/codes.js';
import { isFault, violation, type Fault } from '../wamp/faults.js';
import type { ClientMessage } from '../wamp/messages.js';
import { parseMessage } from '../wamp/parse.js';

/** Reads one message of a client, or returns its fault. */
export function readMessage(
  codec: Codec,
  bytes: Uint8Array,
  headroomBytes: number,
  memory: HeadCache,
): ClientMessage | Fault {
  const decoded = codec.decode(bytes, headroomBytes, memory);
  return isFault(decoded) ? decoded : parseMessage(decoded.header, decoded.payload, decoded.payloadShape);
}

/**
 * The violation of sending what may not follow a HELLO before its answer. Requests of the session may follow it (G10).
 */
export function wrongBehindHello([code]: ClientMessage): Fault | undefined {
  if (code !== Code.HELLO && code !== Code.AUTHENTICATE) return undefined;
  return violation('the router has not answered HELLO, and only requests of the session may follow it');
}

/** True for messages of a session that the client may have sent before it received GOODBYE. */
export function isRouted([code]: ClientMessage): boolean {
  return code !== Code.GOODBYE && code !== Code.AUTHENTICATE;
}
