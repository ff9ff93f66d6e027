import type { Fault } from '../wamp/faults.js';
import type { RouterMessage } from '../wamp/messages.js';
import type { HeadCache } from './head-cache.js';
import type { Payload, PayloadShape, SerializerId, TranscodingFault } from '../wamp/payload.js';

/**
 * A message taken apart: header elements decoded, application payload left as bytes. In the header integers are numbers
 * up to 2^53 and bigints beyond; a float with an integral value is a FloatOnWire, so that no float passes for an id
 * (MSG-10), and other floats are numbers; byte strings are Uint8Arrays (SER-3); dicts are plain objects on which every
 * key is their own, an empty one NO_DETAILS; what WAMP has no word for is an object of some class, never a dict.
 */
export interface DecodedMessage {
  /** All elements before the payload. The first is whatever the sender put there: parse checks it. */
  readonly header: readonly unknown[];
  readonly payload: Payload;
  /** The shape of the payload's elements, for the rules: Arguments must be a list, ArgumentsKw a dict (MSG-3). */
  readonly payloadShape: PayloadShape;
}

export interface CodecLimits {
  /** Nesting of lists and dicts anywhere in a message. */
  readonly maxDepth: number;
  /** Elements of one list or dict anywhere in a message. */
  readonly maxContainerEntries: number;
}

/**
 * One serialization. Stateless; never throws on foreign bytes; costs O(bytes) and no decoding of the payload.
 * Spec: Basic Profile, "Serializers"; rules 3.3, 3.6.
 */
export interface Codec {
  readonly serializer: SerializerId;
  /**
   * Reads one message. The whole input must be consumed. A violation names what is wrong and where (PV-6, PV-7).
   * `memory`: of the sender alone; what it sends again is not read again.
   */
  decode(bytes: Uint8Array, headroomBytes?: number, memory?: HeadCache): DecodedMessage | Fault;
  /**
   * Writes one message. The result must not be changed afterwards: it may be shared by many receivers. It may lie in the
   * memory its payload came in: the caller of `decode` gives up that memory, with `headroomBytes` before the message.
   */
  encode(message: RouterMessage): Uint8Array | TranscodingFault;
}
