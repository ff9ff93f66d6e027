import type { Codec } from '../codec/codec.js';
import type { HeadMemory } from '../codec/head-memory.js';
import { Code } from '../wamp/codes.js';
import { isFault, violation, type Fault } from '../wamp/faults.js';
import type { ClientMessage } from '../wamp/messages.js';
import { parseMessage } from '../wamp/parse.js';

/** One message of a client, or what is wrong with it. */
export function readMessage(
  codec: Codec,
  bytes: Uint8Array,
  headroomBytes: number,
  memory: HeadMemory,
): ClientMessage | Fault {
  const decoded = codec.decode(bytes, headroomBytes, memory);
  return isFault(decoded) ? decoded : parseMessage(decoded.header, decoded.payload, decoded.payloadShape);
}

/** What no session may send, behind a HELLO that was not answered yet. Requests of the session may follow it (G10). */
export function wrongBehindHello([code]: ClientMessage): Fault | undefined {
  if (code !== Code.HELLO && code !== Code.AUTHENTICATE) return undefined;
  return violation('the router has not answered HELLO, and only requests of the session may follow it');
}

/** True for what only a session sends, and may have had on the way when it said GOODBYE. */
export function isRouted([code]: ClientMessage): boolean {
  return code !== Code.GOODBYE && code !== Code.AUTHENTICATE;
}
