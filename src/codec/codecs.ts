import type { SerializerId } from '../wamp/payload.js';
import { BinaryCodec } from './binary-codec.js';
import { CBOR } from './cbor.js';
import type { Codec, CodecLimits } from './codec.js';
import { JsonCodec } from './json.js';
import { MESSAGE_PACK } from './msgpack.js';

/** The codecs of one node, by serializer. */
export function createCodecs(limits: CodecLimits): Readonly<Record<SerializerId, Codec>> {
  return {
    json: new JsonCodec(limits),
    msgpack: new BinaryCodec(MESSAGE_PACK, limits),
    cbor: new BinaryCodec(CBOR, limits),
  };
}
