import { CborReader } from '../codec/cbor-reader.js';
import type { CodecLimits } from '../codec/codec.js';
import { JsonReader } from '../codec/json-reader.js';
import { MsgpackReader } from '../codec/msgpack-reader.js';
import type { Reader } from '../codec/reader.js';
import { encodeValues } from '../codec/transcode.js';
import type { List } from '../wamp/options.js';
import type { SerializerId } from '../wamp/payload.js';
import { UnencodableError } from './errors.js';

const LIMITS: CodecLimits = { maxDepth: 256, maxContainerEntries: 1_000_000 };

const readers: Readonly<Record<SerializerId, Reader>> = {
  json: new JsonReader(LIMITS),
  msgpack: new MsgpackReader(LIMITS),
  cbor: new CborReader(LIMITS),
};

/** Errors: UnencodableError. */
export function encodeMessage(serializer: SerializerId, message: List): Uint8Array {
  const bytes = encodeValues(serializer, [message]);
  if (bytes instanceof Uint8Array) return bytes;
  throw new UnencodableError(bytes.message);
}

/** All elements of a message as codec/values.ts describes them. A string: the flaw of the bytes. */
export function decodeElements(serializer: SerializerId, bytes: Uint8Array): unknown[] | string {
  const reader = readers[serializer];
  reader.begin(bytes);
  const message: unknown[] = [];
  if (reader.enterMessage())
    while (reader.trouble() === undefined && reader.hasElement(message.length)) message.push(reader.read());
  return reader.trouble() ?? message;
}

/** One value written as JSON text. A string: the flaw of the text. */
export function readJson(text: string): { readonly value: unknown } | string {
  const list = decodeElements('json', Buffer.from(`[${text}\n]`));
  if (typeof list === 'string') return list;
  if (list.length !== 1) return 'it is not one value';
  // The reader leaves numbers beyond a double to the writer.
  const again = encodeValues('json', list);
  return again instanceof Uint8Array ? { value: list[0] } : again.message;
}

/** JSON text of a value, exact for every number; bytes are text of U+0000 and Base64. Errors: UnencodableError. */
export function toJsonText(value: unknown): string {
  return Buffer.from(encodeMessage('json', [value]))
    .toString('utf8')
    .slice(1, -1);
}
