import type { Payload } from '../../src/wamp/payload.js';

/** One text that keeps that much memory. */
export function payloadOfBytes(byteLength: number): Payload {
  const bytes = Buffer.from('["x"]');
  return { serializer: 'json', elementCount: 1, byteLength, bytes, in: () => bytes };
}
