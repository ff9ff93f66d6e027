import type { Codec, CodecLimits, DecodedMessage } from '../../../src/codec/codec.js';
import { createCodecs } from '../../../src/codec/codecs.js';
import { MixedDict } from '../../../src/codec/values.js';
import { isFault } from '../../../src/wamp/faults.js';
import type { SerializerId } from '../../../src/wamp/payload.js';

export const serializerIds: readonly SerializerId[] = ['json', 'msgpack', 'cbor'];
export const limits: CodecLimits = { maxDepth: 32, maxContainerEntries: 1000 };
export const codecs: Readonly<Record<SerializerId, Codec>> = createCodecs(limits);

/** Bytes from hexadecimal with spaces, or from JSON text. */
export function frame(serializer: SerializerId, source: string): Uint8Array {
  return serializer === 'json' ? Buffer.from(source) : Buffer.from(source.replaceAll(' ', ''), 'hex');
}

export function accepted(serializer: SerializerId, bytes: Uint8Array): DecodedMessage {
  const decoded = codecs[serializer].decode(bytes);
  if (isFault(decoded)) throw new Error(decoded.message);
  return decoded;
}

/** What is wrong with the bytes. */
export function refused(serializer: SerializerId, bytes: Uint8Array): string {
  const decoded = codecs[serializer].decode(bytes);
  if (!isFault(decoded)) throw new Error('accepted');
  if (decoded.error !== 'wamp.error.protocol_violation') throw new Error(decoded.error);
  return decoded.message;
}

const starts: Readonly<Record<SerializerId, string>> = {
  json: '[16,1,{},"t",',
  msgpack: '95 10 01 80 a1 74',
  cbor: '85 10 01 a0 61 74',
};

/** A PUBLISH with the Arguments of `source`. */
export function publish(serializer: SerializerId, source: string): Uint8Array {
  return frame(serializer, starts[serializer] + source + (serializer === 'json' ? ']' : ''));
}

/** The element of another kind of message: the third of SUBSCRIBE. */
export function headerValue(serializer: SerializerId, source: string): unknown {
  const list = { json: `[32,1,${source}]`, msgpack: `93 20 01 ${source}`, cbor: `83 18 20 01 ${source}` }[serializer];
  return accepted(serializer, frame(serializer, list)).header[2];
}

/** What a dict with keys that are not text is read as. */
export function mixed(...entries: readonly (readonly [key: unknown, value: unknown])[]): MixedDict {
  const dict = new MixedDict({});
  for (const [key, value] of entries) dict.put(key, value);
  return dict;
}

/** Arguments of one serialization in another: JSON as text, others in hexadecimal; or the reason why not. */
export function transcoded(from: SerializerId, source: string, to: SerializerId): string {
  const bytes = accepted(from, publish(from, source)).payload.in(to);
  if (!(bytes instanceof Uint8Array)) return bytes.message;
  return Buffer.from(bytes).toString(to === 'json' ? 'utf8' : 'hex');
}
