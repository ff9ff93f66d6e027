import { z } from 'zod';
import { bytes, count, milliseconds } from './fields.js';

const name = z.string().min(1).max(255);

const signingKey = z.strictObject({
  key: z.string().min(1).max(256).describe('Public name of the key, the parameter `key` of a request.'),
  secret: z.string().min(1).max(4_096).meta({
    description: 'Secret that requests are signed with. `secretFile` names a file that has it.',
    writeOnly: true,
  }),
  role: name.exactOptional().describe('Role of requests with this key. Absent: that of the service.'),
  authid: name.exactOptional().describe('authid of requests with this key. Absent: the key.'),
});

/** One service of the HTTP bridge. */
export const httpService = z.strictObject({
  type: z
    .enum(['publisher', 'caller'])
    .describe('`publisher`: each request publishes. `caller`: each request calls, and its answer is the result.'),
  path: z
    .string()
    .regex(/^\/[A-Za-z0-9._~/-]{1,255}$/, 'Invalid path: must begin with "/", go on, and have no query or escape')
    .describe('Path of the service, at the port of `listen`. Everything below it belongs to the service too.'),
  realm: name.describe('Realm of the service, one of `realms`.'),
  role: name.describe('Role of its requests, one of the realm. Its permissions decide on them.'),
  authid: name.default('http').describe('authid of requests that neither a key nor a token identifies.'),
  keys: z
    .array(signingKey)
    .max(1_000)
    .default([])
    .describe('Keys of signed requests. With one of them, or with `bearer`, the service refuses all other requests.'),
  bearer: z
    .boolean()
    .default(false)
    .describe(
      'Take tokens (`Authorization: Bearer …`) as the method `jwt` of the realm does: they decide on authid and role.',
    ),
  requireTls: z
    .boolean()
    .default(false)
    .describe('Refuse requests without TLS. A trusted proxy reports TLS in `x-forwarded-proto`.'),
  timestampDeltaMs: milliseconds(1_000)
    .default(300_000)
    .describe('Milliseconds by which the timestamp of a signed request may differ from the clock of the router.'),
  maxBodyBytes: bytes(1, 16_777_216)
    .default(1_048_576)
    .describe('Bytes of the body of a request. Longer ones get 413. Never more than `limits.maxMessageBytes`.'),
  bodyTimeoutMs: milliseconds(100, 600_000)
    .default(10_000)
    .describe('Milliseconds for the body of a request. After that it gets 408.'),
  callTimeoutMs: milliseconds(1, 86_400_000)
    .default(30_000)
    .describe('`caller`: milliseconds after which a call ends with `wamp.error.timeout` and 504.'),
  errorStatus: z
    .enum(['crossbar', 'http'])
    .default('crossbar')
    .describe(
      'Status of an answer with a WAMP error. `crossbar`: 200, as Crossbar.io answers; its clients need that. `http`: 403, 404, 422 and others, by the error.',
    ),
  maxPending: count(1, 100_000)
    .default(1_000)
    .describe('Requests of the service in flight on this node. Further ones get 503.'),
});
