import { z } from 'zod';
import { bytes, count, distinct, identity, milliseconds } from '../fields.js';

const name = z.string().min(1).max(255);

const signingKey = z.strictObject({
  key: z.string().min(1).max(256).describe('Public name of the key, the parameter `key` of a request.'),
  secret: z.string().min(1).max(4_096).meta({
    description: 'Secret that requests are signed with. `secretFile` names a file that has it.',
    writeOnly: true,
  }),
  role: name.exactOptional().describe('Role of requests with this key. Absent: that of the service.'),
  authid: identity.exactOptional().describe('authid of requests with this key. Absent: the key.'),
});

const header = z.string().regex(/^[a-z0-9-]{1,64}$/, 'Invalid value: expected the name of a header in lower case');

const webhookSignature = z.strictObject({
  header: header.describe('Header with the signature, in lower case.'),
  algorithm: z
    .enum(['sha1', 'sha256', 'plain'])
    .default('sha256')
    .describe('HMAC by which the sender signs. `plain`: it sends the secret itself.'),
  encoding: z.enum(['hex', 'base64']).default('hex').describe('Encoding of the signature.'),
  prefix: z.string().max(32).default('').describe('Text in front of a signature, as `sha256=`.'),
  secret: z.string().min(1).max(4_096).meta({
    description: 'Secret that the sender signs with. `secretFile` names a file that has it.',
    writeOnly: true,
  }),
  text: z
    .string()
    .max(256)
    .default('{body}')
    .refine((text) => text.split('{body}').length === 2, 'Invalid text: expected "{body}" once')
    .describe('Text that is signed: `{body}`, and `{name}` for an entry `name=…` of the header or another header.'),
  timestamp: header
    .exactOptional()
    .describe(
      'Entry or header with the time of the signature in seconds since 1970, which must be within `timestampDeltaMs`.',
    ),
});

/** One service of the HTTP bridge. */
export const httpService = z.strictObject({
  type: z
    .enum(['publisher', 'caller', 'webhook', 'events'])
    .describe(
      '`publisher`: each request publishes. `caller`: each request calls, and its answer is the result. `webhook`: publishes the body of each request to `topic`. `events`: each request receives the events of a topic, as server-sent events.',
    ),
  path: z
    .string()
    .regex(/^\/[A-Za-z0-9._~/-]{1,255}$/, 'Invalid path: must begin with "/", go on, and have no query or escape')
    .describe('Path of the service. Everything below it belongs to the service too.'),
  listeners: distinct(name)
    .default(['listen'])
    .describe('Listeners that have the service: `listen`, or the names of WebSocket listeners under `listeners`.'),
  realm: name.describe('Realm of the service, one of `realms`.'),
  role: name.describe('Role of its requests, one of the realm. Its permissions decide on them.'),
  authid: identity.default('http').describe('authid of requests that neither a key nor a token identifies.'),
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
  topic: name.exactOptional().describe('`webhook`: topic to publish to.'),
  signature: webhookSignature.exactOptional().describe('`webhook`: how its sender signs. Absent: everybody may send.'),
  publishedHeaders: z
    .array(header)
    .max(64)
    .default(['content-type', 'x-github-event', 'x-github-delivery', 'x-gitlab-event'])
    .describe('`webhook`: headers of a request that become part of the event, in lower case.'),
  successResponse: z.string().max(1_024).default('OK').describe('`webhook`: text of the answer 202.'),
  errorResponse: z
    .string()
    .max(1_024)
    .default('NOT OK')
    .describe('`webhook`: text of the answer 500, when the realm refuses the event.'),
  maxPending: count(1, 100_000)
    .default(1_000)
    .describe('Requests of the service in flight on this node, for `events` open streams. Further ones get 503.'),
  maxUnsentBytes: bytes(4_096, 1_073_741_824)
    .default(1_048_576)
    .describe('`events`: bytes of events that may wait for the client of a stream. One that reads more slowly is cut.'),
});
