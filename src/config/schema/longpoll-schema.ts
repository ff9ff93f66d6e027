import { z } from 'zod';
import { bytes, milliseconds, socketPath } from '../fields.js';

/** WAMP over HTTP requests, for clients that no WebSocket reaches. */
export const longPoll = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe('Answer HTTP long-poll at `path`, for clients whose proxy lets no WebSocket pass.'),
  path: socketPath
    .regex(/[^/]/, 'Invalid path: "/" alone is that of the other pages')
    .default('/lp')
    .describe('Path of long-poll; clients open at `/open` below it.'),
  receiveTimeoutMs: milliseconds(100, 9_000)
    .default(8_000)
    .describe(
      'Milliseconds after which a poll that has waited in vain is answered with 204. At most 9 s: autobahn-js gives each request 12 s, and passing it on to another node takes some of them.',
    ),
  sessionTimeoutMs: milliseconds(1_000, 600_000)
    .default(30_000)
    .describe(
      'Milliseconds without a poll after which the connection has ended (`idle_timeout`); and for taking what is left after the router has closed it.',
    ),
  maxReceiveBytes: bytes(1_024, 16_777_216)
    .default(262_144)
    .describe(
      'Bytes of one answer to a poll of a batched sub-protocol. A single message may have more. Without batches an answer has one message.',
    ),
  bodyTimeoutMs: milliseconds(100, 60_000)
    .default(10_000)
    .describe('Milliseconds for the body of a request, which otherwise gets HTTP 408.'),
});
