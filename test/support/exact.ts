import { decode as decodeMsgpack, encode as encodeMsgpack } from '@msgpack/msgpack';
import { decode as decodeCbor, encode as encodeCbor } from 'cborg';
import type { SerializerId } from '../../src/wamp/payload.js';

/** As `serializers`, but a bigint is an integer on the wire, and integers beyond 2^53 come back as bigints, exactly. */
export const exactly: Readonly<
  Record<SerializerId, { encode(value: unknown): Uint8Array; decode(bytes: Uint8Array): unknown }>
> = {
  json: {
    encode: (value) => Buffer.from(jsonOf(value)),
    decode: (bytes) => narrowed(fromJson(Buffer.from(bytes).toString())),
  },
  msgpack: {
    encode: (value) => encodeMsgpack(value, { useBigInt64: true }),
    decode: (bytes) => narrowed(decodeMsgpack(bytes, { useBigInt64: true })),
  },
  cbor: {
    encode: (value) => encodeCbor(value, { mapSorter: () => 0 }),
    decode: (bytes) => narrowed(decodeCbor(bytes)),
  },
};

function jsonOf(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isInteger(value) ? `${value}.0` : String(value);
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, entry]) => `${JSON.stringify(key)}:${jsonOf(entry)}`);
  return `{${entries.join(',')}}`;
}

/** Numbers become tagged strings first, because the parser of the platform loses what they were. */
function fromJson(text: string): unknown {
  const tagged = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
    token.startsWith('"') ? token : `"#${token}"`,
  );
  return JSON.parse(tagged, (_key, value: unknown) => {
    if (typeof value !== 'string' || !value.startsWith('#')) return value;
    const digits = value.slice(1);
    return /[.eE]/.test(digits) ? Number(digits) : BigInt(digits);
  }) as unknown;
}

function narrowed(value: unknown): unknown {
  if (typeof value === 'bigint') return BigInt.asIntN(54, value) === value ? Number(value) : value;
  if (Array.isArray(value)) return value.map(narrowed);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, narrowed(entry)]));
}
