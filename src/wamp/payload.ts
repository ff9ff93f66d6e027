/** The serializers of the router; each also batched. */
export const SERIALIZER_IDS = ['json', 'msgpack', 'cbor'] as const;
export type SerializerId = (typeof SERIALIZER_IDS)[number];

/**
 * The application's arguments as they came: raw bytes, checked to be well-formed, never decoded unless a receiver
 * uses another serializer (MSG-8, SER-5). Immutable; may be kept for as long as wanted.
 */
export interface Payload {
  readonly serializer: SerializerId;
  /** Trailing message elements held: none, Arguments, or Arguments and ArgumentsKw. */
  readonly elementCount: 0 | 1 | 2;
  /** At least the bytes of memory that it keeps; 0 for payloads of the router itself. */
  readonly byteLength: number;
  /** JSON: the elements separated by a comma. MessagePack and CBOR: the elements back to back. */
  readonly bytes: Uint8Array;
  /**
   * The same elements in another serialization; transcoded at most once per serializer.
   * A Fault when that serialization cannot represent the value (NaN in JSON).
   */
  in(serializer: SerializerId): Uint8Array | TranscodingFault;
  /**
   * The same payload, when Arguments is exactly one item of these kinds and ArgumentsKw empty or absent, without
   * ArgumentsKw (PPT-2); undefined: it is another. Payloads that no client sent have no such form.
   */
  opaque?(kinds: readonly OpaqueKind[]): Payload | undefined;
}

export type OpaqueKind = 'bytes' | 'dict';

export interface TranscodingFault {
  readonly kind: 'untranscodable';
  readonly message: string;
}

/** The form of the elements where Arguments and ArgumentsKw belong. `bytes`: one byte string in place of Arguments (PPT-5). `malformed`: anything else. */
export type PayloadShape = 'none' | 'args' | 'args+kwargs' | 'bytes' | 'malformed';
