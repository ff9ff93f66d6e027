import { z } from 'zod';
import { AUTH_METHODS } from '../../wamp/auth-methods.js';
import { SERIALIZER_IDS } from '../../wamp/payload.js';
import { bytes, count, distinct, host, network, port, socketPath, tls } from '../fields.js';

/** `*` for all, `null` as browsers send it, or an origin in which `*` stands for leading labels or for the port. */
const ORIGIN =
  /^(\*|null|[a-z][a-z0-9+.-]*:\/\/(\*\.)?[^/\s*?#:]+(:(\d+|\*))?|[a-z][a-z0-9+.-]*:\/\/\[[0-9a-f:.]+\](:(\d+|\*))?)$/i;

const SECRET_HEADERS = ['authorization', 'cookie', 'proxy-authorization', 'sec-websocket-key', 'set-cookie'];

export const address = host
  .default('127.0.0.1')
  .describe(
    'Address to accept clients at; `0.0.0.0` for all of IPv4, `::` for all, `localhost` for 127.0.0.1 and ::1.',
  );

/** Settings of every listener, whatever its transport. */
export const everyListener = {
  serializers: distinct(z.enum(SERIALIZER_IDS))
    .default([...SERIALIZER_IDS])
    .describe('Serializers that clients may choose.'),
  authMethods: distinct(z.enum(AUTH_METHODS))
    .exactOptional()
    .describe(
      'Methods by which clients of this listener may join realms that have them. Absent: all methods of the realm.',
    ),
  maxConnectionsPerAddress: count(1, 1_000_000)
    .exactOptional()
    .describe(
      'Number of connections of one address at this listener. Absent: only `limits.maxConnectionsPerAddress` applies, which counts all listeners together.',
    ),
};

/** Settings of every WebSocket listener, but for its place. */
export const webSocket = {
  path: z
    .union([socketPath, distinct(socketPath)])
    .default('/ws')
    .describe('Path of the WebSocket, or a list of paths. A slash at the end makes no difference: `/ws/` is `/ws`.'),
  tls: tls.exactOptional().describe('Serve with TLS. Absent: without.'),
  hstsMaxAgeSeconds: count(0, 63_072_000)
    .default(31_536_000)
    .describe(
      'Seconds for which browsers reach this host name only with TLS once they have had an answer with TLS (Strict-Transport-Security). 0: the header is not sent. Without `tls` it never is: a proxy that ends TLS sends its own.',
    ),
  allowedOrigins: distinct(
    z.string().regex(ORIGIN, 'Invalid origin: write "*", or scheme://host[:port] and nothing after it'),
  )
    .default(['*'])
    .describe(
      'Origins of web pages that may connect: `https://app.example.com`, `https://*.example.com` for all hosts below, `http://localhost:*` for all ports; `*`: every page. Clients that send no Origin are not browsers and may always connect.',
    ),
  ...everyListener,
  requireSubprotocol: z
    .boolean()
    .default(true)
    .describe('Refuse clients that name no WAMP sub-protocol; otherwise they get `wamp.2.json`.'),
  cookie: z
    .strictObject({
      name: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,64}$/, 'Invalid name: expected letters, digits, "_" and "-"')
        .default('gantry')
        .describe('Name of the cookie.'),
      sameSite: z
        .enum(['lax', 'strict', 'none'])
        .default('lax')
        .describe('Whether pages of other sites send the cookie. `none` needs `secure`.'),
      secure: z
        .boolean()
        .exactOptional()
        .describe('Send the cookie over TLS only. Absent: as `tls` is there. Set it where a proxy ends TLS.'),
      maxAgeSeconds: count(60, 31_536_000)
        .default(604_800)
        .describe('Seconds that a browser keeps the cookie after its last connection.'),
    })
    .exactOptional()
    .describe('Set a secret cookie with each opening handshake (HttpOnly). Absent: none. See `realms[].auth.cookie`.'),
  compression: z
    .enum(['off', 'shared'])
    .default('off')
    .describe(
      'permessage-deflate: `shared` offers it with one window for all connections. Costs much CPU time per message.',
    ),
  trustProxyHeader: z
    .enum(['none', 'x-forwarded-for'])
    .default('none')
    .describe('Header to take the remote address from. It counts only from proxies: see `trustedProxies`.'),
  trustedProxies: z
    .array(network)
    .exactOptional()
    .describe(
      'Addresses and networks (`192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`) of the proxies whose header counts. From the end of the header, entries that are such proxies themselves are skipped. Absent: every loopback, private and link-local address is taken for a proxy, and only the last entry counts. Name them where clients are in private networks too: those could forge it.',
    ),
  clientCertificate: z
    .strictObject({
      header: z
        .string()
        .regex(/^[a-z0-9-]{1,64}$/, 'Invalid value: expected the name of a header in lower case')
        .describe('Header with the certificate, in lower case. The proxy must replace what a client sends in it.'),
      format: z
        .enum(['pem', 'der', 'xfcc', 'sha256'])
        .describe(
          '`pem`: PEM in percent-encoding (`$ssl_client_escaped_cert` of nginx). `der`: base64 of the certificate (`%[ssl_c_der,base64]` of HAProxy, `Client-Cert` of RFC 9440). `xfcc`: `x-forwarded-client-cert` of Envoy. `sha256`: its fingerprint.',
        ),
    })
    .exactOptional()
    .describe(
      'Where a proxy that verifies TLS certificates of clients puts them, for the method `tls`. Needs `trustProxyHeader` and `trustedProxies`: from elsewhere the header does not count.',
    ),
  headersForAuthenticators: z
    .array(
      z
        .string()
        .regex(/^[a-z0-9-]{1,64}$/, 'Invalid value: expected the name of a header in lower case')
        .refine((name) => !SECRET_HEADERS.includes(name), {
          error: 'Invalid value: this header has credentials, which authenticators do not receive',
        }),
    )
    .max(16)
    .default([])
    .describe(
      'Headers of the opening handshake that authenticators receive in `details.transport.http_headers_received`, in lower case: `origin` or `user-agent`, for instance. Clients write what they like in them. The router keeps them for as long as the connection lives.',
    ),
  floodReceiveBufferBytes: bytes(0, 16_777_216)
    .default(4_096)
    .describe(
      'Bytes of the receive buffer of a connection that keeps sending while clients send more than this node can handle. It gets `receiveBufferBytes` again once it sends less. 0: never smaller. Needs `receiveBufferBytes`; see the metric `gantry_narrowed_connections`.',
    ),
  receiveBufferBytes: bytes(0, 16_777_216)
    .default(65_536)
    .describe(
      'Bytes of the receive buffer of each connection in the kernel. It bounds the input of one client in one turn of the event loop, and its throughput to about this much per round trip; the rest stays with the sender. 0: the system decides. Linux only, with the optional package koffi; see the metric `gantry_receive_buffer_bytes`.',
    ),
};

export const listen = z.strictObject({
  host: address,
  port: port.default(8080).describe('Port to accept clients at; 0: any free one.'),
  ...webSocket,
});
