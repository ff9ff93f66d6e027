import { decode as decodeMsgpack, encode as encodeMsgpack } from '@msgpack/msgpack';
import { decode as decodeCbor, encode as encodeCbor } from 'cborg';
import type { SerializerId } from '../../src/wamp/payload.js';

/** The public libraries, not ours: what a test sends and understands must not depend on the code under test. */
export interface TestSerializer {
  readonly id: SerializerId;
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

const json: TestSerializer = {
  id: 'json',
  encode: (value) => Buffer.from(JSON.stringify(value, bytesToText)),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString('utf8'), textToBytes) as unknown,
};

const msgpack: TestSerializer = {
  id: 'msgpack',
  encode: (value) => encodeMsgpack(value),
  decode: (bytes) => decodeMsgpack(plain(bytes)),
};

const cbor: TestSerializer = {
  id: 'cbor',
  encode: (value) => encodeCbor(value, { mapSorter: () => 0 }),
  decode: (bytes) => decodeCbor(plain(bytes)) as unknown,
};

export const serializers: Readonly<Record<SerializerId, TestSerializer>> = { json, msgpack, cbor };

/** A Buffer would make Buffers of the byte strings in it, which equal nothing. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** SER-3, written down a second time on purpose. */
function bytesToText(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? `\u0000${Buffer.from(value).toString('base64')}` : value;
}

function textToBytes(_key: string, value: unknown): unknown {
  return typeof value === 'string' && value.startsWith('\u0000')
    ? new Uint8Array(Buffer.from(value.slice(1), 'base64'))
    : value;
}
