import type { List } from '../wamp/options.js';
import type { SerializerId, TranscodingFault } from '../wamp/payload.js';
import { writeByte } from './binary.js';
import { ByteSink } from './byte-sink.js';
import { CborReader } from './cbor-reader.js';
import { writeCbor } from './cbor-writer.js';
import type { CodecLimits } from './codec.js';
import { JsonReader } from './json-reader.js';
import { writeJson } from './json-writer.js';
import { MsgpackReader } from './msgpack-reader.js';
import { writeMsgpack } from './msgpack-writer.js';
import type { Reader } from './reader.js';

const COMMA = 0x2c;

// The payload was held to the limits of the node that read it.
const ALREADY_HELD: CodecLimits = { maxDepth: 1024, maxContainerEntries: 0xffff_ffff };

/** For payloads that were read before. */
export const readers: Readonly<Record<SerializerId, Reader>> = {
  json: new JsonReader(ALREADY_HELD),
  msgpack: new MsgpackReader(ALREADY_HELD),
  cbor: new CborReader(ALREADY_HELD),
};

const writers: Readonly<Record<SerializerId, (sink: ByteSink, value: unknown, depth: number) => void>> = {
  json: writeJson,
  msgpack: writeMsgpack,
  cbor: writeCbor,
};

const sink = new ByteSink();

/**
 * The same elements in another serialization. The result means exactly the same, or there is none; the policy (SER-3, SER-6):
 * - bytes ↔ in JSON a string of U+0000 and Base64, at every level. JSON text beginning with U+0000 that is not Base64,
 *   and foreign text beginning with U+0000, fail; lone surrogates become U+FFFD.
 * - integers stay exact: beyond 64 bits as the double that equals them, else as a CBOR bignum, else it fails.
 * - floats stay floats, also integral ones (`1.0` in JSON); NaN and infinities fail in JSON.
 * - undefined, in MessagePack as msgpackr writes it, becomes null; other simple values of CBOR fail.
 * - CBOR tags are dropped, their content kept; bignums are integers. Values that portable.ts and the readers reject come only
 *   from nodes of an earlier version.
 * - MessagePack timestamps become RFC 3339 text (in CBOR with tag 0); other extensions fail.
 * - dicts with keys that are not text fail in JSON; of equal keys that are text the last wins.
 */
export function transcode(
  from: SerializerId,
  to: SerializerId,
  elementCount: number,
  bytes: Uint8Array,
): Uint8Array | TranscodingFault {
  const reader = readers[from];
  const values: unknown[] = [];
  reader.begin(bytes);
  while (values.length < elementCount && reader.trouble() === undefined) values.push(reader.readElement(values.length));
  const trouble = reader.trouble();
  if (trouble !== undefined) return untranscodable(to, trouble);
  return encodeValues(to, values);
}

/** Writes values one after the other, as the elements of a payload. */
export function encodeValues(serializer: SerializerId, values: List): Uint8Array | TranscodingFault {
  const write = writers[serializer];
  for (let i = 0; i < values.length; i++) {
    if (i > 0 && serializer === 'json') writeByte(sink, COMMA);
    write(sink, values[i], 0);
  }
  return sink.trouble === undefined ? sink.finish() : untranscodable(serializer, sink.drop());
}

export function untranscodable(serializer: SerializerId, what: string): TranscodingFault {
  return { kind: 'untranscodable', message: `cannot be represented in ${serializer}: ${what}` };
}
