import { Code } from '../wamp/codes.js';
import type { RouterMessage } from '../wamp/messages.js';
import { NO_DETAILS } from '../wamp/options.js';
import type { Payload } from '../wamp/payload.js';

/** In place of a second id: there is none. */
export const NO_ID = 0;

/** Writes a head of a code, one or two ids and empty details right in front of the payload; undefined when it cannot. */
export type WriteHeadInPlace = (
  payload: Payload,
  code: number,
  first: number,
  second: number,
) => Uint8Array | undefined;

/**
 * The message with its payload left where it came in: most events, invocations and results need nothing written but a
 * head, and what was before the payload is no longer needed. Undefined: write it the usual way.
 */
export function encodeInPlace(message: RouterMessage, writeHeadInPlace: WriteHeadInPlace): Uint8Array | undefined {
  switch (message[0]) {
    case Code.EVENT:
      return message[3] === NO_DETAILS ? writeHeadInPlace(message[4], Code.EVENT, message[1], message[2]) : undefined;
    case Code.INVOCATION:
      return message[3] === NO_DETAILS
        ? writeHeadInPlace(message[4], Code.INVOCATION, message[1], message[2])
        : undefined;
    case Code.RESULT:
      return message[2] === NO_DETAILS ? writeHeadInPlace(message[3], Code.RESULT, message[1], NO_ID) : undefined;
    default:
      return undefined;
  }
}
