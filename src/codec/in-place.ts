import { Code } from '../wamp/codes.js';
import type { RouterMessage } from '../wamp/messages.js';
import { NO_DETAILS, PROGRESS, RECEIVE_PROGRESS, type Dict } from '../wamp/options.js';
import type { Payload } from '../wamp/payload.js';

/** In place of a second id: there is none. */
export const NO_ID = 0;

/** The bytes of the details that most messages have, in one serializer. */
export class PresetDetails {
  readonly #none: Uint8Array;
  readonly #progress: Uint8Array;
  readonly #receiveProgress: Uint8Array;

  constructor(encode: (details: Dict) => Uint8Array) {
    this.#none = encode(NO_DETAILS);
    this.#progress = encode(PROGRESS);
    this.#receiveProgress = encode(RECEIVE_PROGRESS);
  }

  /** Undefined: these are other details. */
  bytesOf(details: Dict): Uint8Array | undefined {
    if (details === NO_DETAILS) return this.#none;
    if (details === PROGRESS) return this.#progress;
    return details === RECEIVE_PROGRESS ? this.#receiveProgress : undefined;
  }
}

/** Writes a head of a code, one or two ids and details right in front of the payload; undefined when it cannot. */
export type WriteHeadInPlace = (
  payload: Payload,
  code: number,
  first: number,
  second: number,
  details: Uint8Array,
) => Uint8Array | undefined;

/**
 * The message with its payload left where it came in: most events, invocations and results need nothing written but a
 * head, and what was before the payload is no longer needed. Undefined: write it the usual way.
 */
export function encodeInPlace(
  message: RouterMessage,
  presets: PresetDetails,
  writeHeadInPlace: WriteHeadInPlace,
): Uint8Array | undefined {
  switch (message[0]) {
    case Code.EVENT:
    case Code.INVOCATION: {
      const details = presets.bytesOf(message[3]);
      return details && writeHeadInPlace(message[4], message[0], message[1], message[2], details);
    }
    case Code.RESULT: {
      const details = presets.bytesOf(message[2]);
      return details && writeHeadInPlace(message[3], Code.RESULT, message[1], NO_ID, details);
    }
    default:
      return undefined;
  }
}
