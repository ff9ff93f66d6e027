import { z } from 'zod';
import { count, distinct, host, milliseconds, port } from './fields.js';

/** A way in besides `listen`. */
export const listener = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/, 'Invalid name: 1 to 32 of a-z, 0-9 and "-", with a letter first')
    .exactOptional()
    .describe('Name in logs. Absent: the type and the place in the list, as `rawsocket-0`.'),
  type: z.literal('rawsocket').describe('`rawsocket`: WAMP frames over TCP, without HTTP and WebSocket.'),
  host: host.default('127.0.0.1').describe('Address to accept clients at; `0.0.0.0` for all of IPv4, `::` for all.'),
  port: port.describe('Port to accept clients at; 0: any free one.'),
  serializers: distinct(z.enum(['json', 'msgpack', 'cbor']))
    .default(['json', 'msgpack', 'cbor'])
    .describe('Serializers that clients may choose.'),
  handshakeTimeoutMs: milliseconds(100, 600_000)
    .default(5_000)
    .describe('Milliseconds for the four octets of the opening handshake. After that the connection is closed.'),
  keepAliveMs: count(1_000, 7_200_000)
    .default(30_000)
    .describe(
      'Milliseconds of silence after which the system probes (TCP keep-alive) whether the client is still there. The router sends no PING, because some client libraries end the connection at one.',
    ),
});
