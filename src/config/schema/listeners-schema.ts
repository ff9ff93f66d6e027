import { z } from 'zod';
import { AUTH_METHODS } from '../../wamp/auth-methods.js';
import { count, distinct, milliseconds, network, port, tls } from '../fields.js';
import { address, everyListener, webSocket } from './listen-schema.js';
import { longPoll } from './longpoll-schema.js';
import { listenerWeb } from './web-schema.js';

const TYPES =
  '`websocket`: as `listen`, at a port of its own. `rawsocket`: WAMP frames over TCP, without HTTP and WebSocket.';
const place = port.describe(
  'Port to accept clients at; 0: any free one. A RawSocket listener has either `port` or `path`.',
);

const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'Invalid name: 1 to 32 of a-z, 0-9 and "-", with a letter first')
  .exactOptional()
  .describe(
    'Name in logs and metrics. Absent: the type with the port or path, as `rawsocket-8081`; where that is not unique, with the place in the list too. The name of `listen` is `listen`.',
  );

const webSocketListener = z.strictObject({
  name,
  type: z.literal('websocket').describe(TYPES),
  host: address,
  port: place,
  ...webSocket,
  authMethods: distinct(z.enum(AUTH_METHODS), 0)
    .exactOptional()
    .describe(
      'Methods by which clients of this listener may join realms that have them. Absent: all methods of the realm. `[]`: none, for a WebSocket listener with files or services of the HTTP bridge only.',
    ),
  longPoll: longPoll
    .exactOptional()
    .describe(
      'HTTP long-poll beside the WebSocket of this listener, with the settings of [longPoll](#longpoll). `{}`: with their defaults. Absent: none.',
    ),
  web: listenerWeb
    .exactOptional()
    .describe(
      'Files, values and redirects at the port of this listener: `paths`, as those of [web](#web), whose bounds count for all listeners together. Absent: none.',
    ),
});

const rawSocketListener = z.strictObject({
  name,
  type: z.literal('rawsocket').describe(TYPES),
  host: address,
  port: place.exactOptional(),
  path: z
    .string()
    .regex(/^[^\0]{1,100}$/, 'Invalid path: expected 1 to 100 characters')
    .exactOptional()
    .describe(
      'Unix socket at which a RawSocket listener accepts clients, in place of `host` and `port`. Relative to the working directory.',
    ),
  mode: z
    .string()
    .regex(/^0[0-7]{3}$/, 'Invalid mode: expected four octal digits, as "0660"')
    .default('0660')
    .describe('Permissions of the Unix socket, octal: a user that may write to it may connect.'),
  tls: tls
    .extend({
      clientCaFile: z
        .string()
        .min(1)
        .exactOptional()
        .describe(
          'File with the authorities of client certificates, PEM. Present: the listener asks each client for a certificate and verifies it, for the method `tls`.',
        ),
      requireClientCertificate: z
        .boolean()
        .default(false)
        .describe('Refuse clients without a certificate of these authorities in the TLS handshake.'),
    })
    .exactOptional()
    .describe('Serve with TLS. Absent: without.'),
  ...everyListener,
  proxyProtocol: z
    .strictObject({
      trustedProxies: z
        .array(network)
        .min(1)
        .describe(
          'Addresses and networks (`10.0.0.5`, `10.1.0.0/16`) of the proxies. Clients from elsewhere send no header.',
        ),
    })
    .exactOptional()
    .describe(
      'Connections of these proxies begin with a PROXY header, version 1 or 2, which names the address of the client. Absent: no header is read.',
    ),
  handshakeTimeoutMs: milliseconds(100, 600_000)
    .default(5_000)
    .describe('Milliseconds for the four octets of the opening handshake. After that the connection is closed.'),
  keepAliveMs: count(1_000, 7_200_000)
    .default(30_000)
    .describe(
      'Milliseconds of silence after which the system probes (TCP keep-alive) whether the client is still there. The router sends no PING, because some client libraries end the connection at one.',
    ),
});

/** A way in besides `listen`. */
export const listener = z.discriminatedUnion('type', [webSocketListener, rawSocketListener], {
  error: 'Invalid input: expected "websocket" or "rawsocket"',
});
