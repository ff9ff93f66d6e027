import type { Dict, List } from '../wamp/options.js';
import {
  SERIALIZER_IDS,
  type OpaqueKind,
  type Payload,
  type SerializerId,
  type TranscodingFault,
} from '../wamp/payload.js';
import type { ByteSink } from './byte-sink.js';
import { opaqueLength } from './opaque.js';
import { encodeValues, transcode } from './transcode.js';

const NO_BYTES = new Uint8Array(0);

type Encoding = Uint8Array | TranscodingFault;

/** The results of transcoding one payload, by serializer. */
class Encodings {
  json: Encoding | undefined;
  msgpack: Encoding | undefined;
  cbor: Encoding | undefined;
}

/** A payload as a client sent it: a part of its message, kept whole. */
class RawPayload implements Payload {
  readonly serializer: SerializerId;
  readonly elementCount: 0 | 1 | 2;
  readonly #message: Uint8Array;
  readonly #start: number;
  readonly #end: number;
  /** Bytes right before the payload that nobody needs any more. */
  #freeBytes: number;
  #bytes: Uint8Array | undefined;
  #others: Encodings | undefined;

  constructor(
    serializer: SerializerId,
    elementCount: 0 | 1 | 2,
    message: Uint8Array,
    start: number,
    end: number,
    freeBytes: number,
  ) {
    this.serializer = serializer;
    this.elementCount = elementCount;
    this.#message = message;
    this.#start = start;
    this.#end = end;
    this.#freeBytes = freeBytes;
    this.#bytes = undefined;
    this.#others = undefined;
  }

  get byteLength(): number {
    return this.#end - this.#start;
  }

  get bytes(): Uint8Array {
    return (this.#bytes ??= this.#message.subarray(this.#start, this.#end));
  }

  in(serializer: SerializerId): Encoding {
    if (serializer === this.serializer) return this.bytes;
    this.#others ??= new Encodings();
    return (this.#others[serializer] ??= transcode(this.serializer, serializer, this.elementCount, this.bytes));
  }

  opaque(kinds: readonly OpaqueKind[]): Payload | undefined {
    const length = opaqueLength(this, kinds);
    if (length === 0) return undefined;
    return this.elementCount === 1 ? this : rawPayload(this.serializer, 1, this.bytes, 0, length);
  }

  /**
   * Memory for one message that has this payload where it lies: `headBytes` to be written at the front, the payload, and
   * `tailBytes` as they came. Undefined when there is no room, or no more: it is given once.
   */
  take(headBytes: number, tailBytes: number): Uint8Array | undefined {
    if (headBytes > this.#freeBytes) return undefined;
    this.#freeBytes = 0;
    const { buffer, byteOffset } = this.#message;
    const length = headBytes + this.#end - this.#start + tailBytes;
    return new Uint8Array(buffer, byteOffset + this.#start - headBytes, length);
  }

  /** Appends the elements to `sink` without the array that `bytes` would create. */
  appendTo(sink: ByteSink): void {
    sink.append(this.#message, this.#start, this.#end);
  }
}

/** A payload the router made itself: written in each serialization when first asked for. */
class MadePayload implements Payload {
  readonly serializer = 'json';
  readonly elementCount: 1 | 2;
  readonly byteLength = 0;
  readonly #values: List;
  readonly #encodings = new Encodings();

  constructor(values: List) {
    this.elementCount = values.length === 1 ? 1 : 2;
    this.#values = values;
  }

  get bytes(): Uint8Array {
    const bytes = this.in('json');
    if (bytes instanceof Uint8Array) return bytes;
    throw new Error(`router-made payload: ${bytes.message}`);
  }

  in(serializer: SerializerId): Encoding {
    return (this.#encodings[serializer] ??= encodeValues(serializer, this.#values));
  }
}

class NoPayload implements Payload {
  readonly serializer = 'json';
  readonly elementCount = 0;
  readonly byteLength = 0;
  readonly bytes = NO_BYTES;

  in(): Uint8Array {
    return NO_BYTES;
  }
}

/** Neither Arguments nor ArgumentsKw; empty in every serialization. */
export const NO_PAYLOAD: Payload = new NoPayload();

/** A payload made by the router, written lazily. Empty arguments are left out (MSG-8). The values must not change. */
export function payloadOf(args?: List, kwargs?: Dict): Payload {
  if (kwargs !== undefined && Object.keys(kwargs).length > 0) return new MadePayload([args ?? [], kwargs]);
  return args !== undefined && args.length > 0 ? new MadePayload([args]) : NO_PAYLOAD;
}

/** The first serializer that cannot represent the payload, and the reason. Undefined: all can. O(bytes), once. */
export function unportable(payload: Payload): string | undefined {
  for (const serializer of SERIALIZER_IDS) {
    const encoded = payload.in(serializer);
    if (!(encoded instanceof Uint8Array)) return `${serializer}: ${encoded.message}`;
  }
  return undefined;
}

/**
 * A payload of bytes already checked, which lie at `start`..`end` of a message that must not change: what a codec has
 * read, or another node of the cluster has sent. Up to `freeBytes` before them may be written over.
 */
export function rawPayload(
  serializer: SerializerId,
  elementCount: 0 | 1 | 2,
  message: Uint8Array,
  start = 0,
  end = message.length,
  freeBytes = 0,
): Payload {
  return elementCount === 0 ? NO_PAYLOAD : new RawPayload(serializer, elementCount, message, start, end, freeBytes);
}

/**
 * Memory for a message of `headBytes`, then the payload where it came in, then `tailBytes` as they came: the bytes of
 * the payload are not copied. Undefined when that cannot be done; then the message is written the usual way.
 */
export function takeMemory(
  payload: Payload,
  serializer: SerializerId,
  headBytes: number,
  tailBytes: number,
): Uint8Array | undefined {
  return payload instanceof RawPayload && payload.serializer === serializer
    ? payload.take(headBytes, tailBytes)
    : undefined;
}

/** Writes the elements of `payload`. A value that the serializer cannot represent sets `sink.trouble`. */
export function appendPayload(sink: ByteSink, payload: Payload, serializer: SerializerId): void {
  if (payload instanceof RawPayload && payload.serializer === serializer) {
    payload.appendTo(sink);
    return;
  }
  const bytes = payload.in(serializer);
  if (bytes instanceof Uint8Array) sink.append(bytes, 0, bytes.length);
  else sink.trouble ??= bytes.message;
}
