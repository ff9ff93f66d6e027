import type { SerializerId } from '../../wamp/payload.js';

/** Length of the opening handshake, in both directions. */
export const HANDSHAKE_BYTES = 4;

const MAGIC = 0x7f;
/** Exponent of the shortest length that a side can announce. */
const LEAST_EXPONENT = 9;
/** Longest length that a side can announce: 2^24. */
const MOST_EXPONENT = 24;
const SERIALIZER_BY_NUMBER: Readonly<Record<number, SerializerId>> = { 1: 'json', 2: 'msgpack', 3: 'cbor' };

/** Codes of error replies. The others that the protocol defines never apply here: each announced length is acceptable. */
const ERROR_CODE = { serializer: 1, reserved: 3, connections: 4 } as const;

/** A reason for which the router answers a handshake with an error code. */
export type AnsweredFlaw = keyof typeof ERROR_CODE;

/** The router closes without an answer after `magic`: the other side does not know RawSocket. `illegal`: serializer 0. */
export type RawHandshakeFlaw = Exclude<AnsweredFlaw, 'connections'> | 'magic' | 'illegal';

export type RawHandshake =
  | { readonly kind: 'request'; readonly serializer: SerializerId; readonly peerMaxBytes: number }
  | { readonly kind: 'flaw'; readonly flaw: RawHandshakeFlaw };

/** Reads the four octets of a client (rules 4.1). */
export function readHandshake(octets: Uint8Array, serializers: readonly SerializerId[]): RawHandshake {
  const [magic, request = 0, third, fourth] = octets;
  if (magic !== MAGIC) return { kind: 'flaw', flaw: 'magic' };
  const number = request & 0x0f;
  if (number === 0) return { kind: 'flaw', flaw: 'illegal' };
  if (third !== 0 || fourth !== 0) return { kind: 'flaw', flaw: 'reserved' };
  const serializer = SERIALIZER_BY_NUMBER[number];
  if (serializer === undefined || !serializers.includes(serializer)) return { kind: 'flaw', flaw: 'serializer' };
  return { kind: 'request', serializer, peerMaxBytes: 2 ** (LEAST_EXPONENT + (request >> 4)) };
}

/** The reply to a handshake that succeeds. `receiveBytes`: as `announcedBytes` returns it. */
export function acceptance(request: Uint8Array, receiveBytes: number): Uint8Array {
  const length = Math.log2(receiveBytes) - LEAST_EXPONENT;
  return Uint8Array.of(MAGIC, (length << 4) | ((request[1] ?? 0) & 0x0f), 0, 0);
}

export function rawErrorReply(flaw: AnsweredFlaw): Uint8Array {
  return Uint8Array.of(MAGIC, ERROR_CODE[flaw] << 4, 0, 0);
}

/** The longest length that can be announced and is not above `maxBytes`; at least 512. */
export function announcedBytes(maxBytes: number): number {
  const exponent = Math.floor(Math.log2(maxBytes));
  return 2 ** Math.min(MOST_EXPONENT, Math.max(LEAST_EXPONENT, exponent));
}
