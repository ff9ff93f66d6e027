import type { SerializerId } from '../wamp/payload.js';
import { CborCodec } from './cbor.js';
import type { Codec, CodecLimits } from './codec.js';
import { JsonCodec } from './json.js';
import { MsgpackCodec } from './msgpack.js';

/** The codecs of one node, by serializer. */
export function createCodecs(limits: CodecLimits): Readonly<Record<SerializerId, Codec>> {
  return { json: new JsonCodec(limits), msgpack: new MsgpackCodec(limits), cbor: new CborCodec(limits) };
}
