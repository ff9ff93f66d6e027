import { z } from 'zod';
import type { tokenRules } from './jwt-schema.js';
import { backplane } from './backplane-schema.js';
import { bytes, count, distinct, host, milliseconds, network, port, tls } from './fields.js';
import { httpService } from './http-bridge-schema.js';
import { limits } from './limits-schema.js';
import { listener } from './listeners-schema.js';
import { DEFAULT_REALMS, realm, realmTemplate } from './realm-schema.js';

/** `*` for all, `null` as browsers send it, or an origin in which `*` stands for leading labels or for the port. */
const ORIGIN =
  /^(\*|null|[a-z][a-z0-9+.-]*:\/\/(\*\.)?[^/\s*?#:]+(:(\d+|\*))?|[a-z][a-z0-9+.-]*:\/\/\[[0-9a-f:.]+\](:(\d+|\*))?)$/i;

const socketPath = z
  .string()
  .regex(/^\/[A-Za-z0-9._~/-]*$/, 'Invalid path: must begin with "/" and have no query, pattern or escape');

const SECRET_HEADERS = ['authorization', 'cookie', 'proxy-authorization', 'sec-websocket-key', 'set-cookie'];

const listen = z.strictObject({
  host: host
    .default('127.0.0.1')
    .describe(
      'Address to accept clients at; `0.0.0.0` for all of IPv4, `::` for all, `localhost` for 127.0.0.1 and ::1.',
    ),
  port: port.default(8080).describe('Port to accept clients at; 0: any free one.'),
  path: z
    .union([socketPath, distinct(socketPath)])
    .default('/ws')
    .describe('Path of the WebSocket, or a list of paths. A slash at the end makes no difference: `/ws/` is `/ws`.'),
  tls: tls.exactOptional().describe('Serve with TLS (`wss:`). Absent: without.'),
  allowedOrigins: distinct(
    z.string().regex(ORIGIN, 'Invalid origin: write "*", or scheme://host[:port] and nothing after it'),
  )
    .default(['*'])
    .describe(
      'Origins of web pages that may connect: `https://app.example.com`, `https://*.example.com` for all hosts below, `http://localhost:*` for all ports; `*`: every page. Clients that send no Origin are not browsers and may always connect.',
    ),
  serializers: distinct(z.enum(['json', 'msgpack', 'cbor']))
    .default(['json', 'msgpack', 'cbor'])
    .describe('Serializers that clients may choose.'),
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
      'Bytes of the receive buffer of each connection in the kernel, which bounds what one client can bring in one turn of the event loop: what does not fit stays with the sender. It also bounds the throughput of one client over a long way, to about this much per round trip. 0: the system decides. Linux only, with the optional package koffi; see the metric `gantry_receive_buffer_bytes`.',
    ),
});

const ops = z.strictObject({
  enabled: z.boolean().default(true).describe('Serve `/healthz`, `/readyz` and `/metrics`.'),
  host: host.default('127.0.0.1').describe('Address of the operations endpoint. It has no authentication.'),
  port: port.default(9090).describe('Port of the operations endpoint; 0: any free one.'),
});

const log = z.strictObject({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('Least severe level that is logged.'),
  format: z
    .enum(['auto', 'json', 'pretty'])
    .default('auto')
    .describe(
      '`json`: one object per line; `pretty`: for people; `auto`: pretty on a terminal, otherwise json. Logs go to stderr.',
    ),
  maxUnwrittenBytes: bytes(4_096, 1_073_741_824)
    .default(1_048_576)
    .describe(
      'Bytes of log lines that may wait while stderr takes none. Further lines are dropped and counted in gantry_log_lines_total.',
    ),
});

const drain = z.strictObject({
  farewell: z
    .enum(['close', 'goodbye'])
    .default('close')
    .describe(
      'How sessions are closed when the node ends, or when the others have declared it dead. `close`: the WebSocket closes with code 1012, after which client libraries connect again. `goodbye`: the node sends GOODBYE `wamp.close.system_shutdown` first, after which most client libraries do not connect again.',
    ),
  periodMs: milliseconds(0, 3_600_000)
    .default(2_000)
    .describe(
      'Milliseconds over which a node that ends closes its sessions, so that they do not all reconnect at once.',
    ),
  deadlineMs: milliseconds(100, 3_600_000)
    .default(25_000)
    .describe(
      'Milliseconds from the signal to the end, whatever is still in flight. The default is below the 30 s that Kubernetes grants. Not below periodMs.',
    ),
});

const node = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'Invalid name: 1 to 63 of A-Z, a-z, 0-9, ".", "_" and "-"')
    .exactOptional()
    .describe('Name of this node in logs. Absent: the name of the machine.'),
});

/** The complete configuration. Strict: an unknown key is a fault. An empty input gives a usable router. */
export const CONFIG_SCHEMA = z.strictObject({
  listen: listen.prefault({}).describe('Where and how clients connect.'),
  listeners: z
    .array(listener)
    .max(16)
    .default([])
    .describe('Further ways in, besides `listen`. They share the bounds of `limits` with it.'),
  limits: limits.prefault({}).describe('Bounds on what one client, or all of them, can make the router hold or do.'),
  realms: z.array(realm).default(z.array(realm).parse(DEFAULT_REALMS)).describe('Realms that exist from the start.'),
  realmTemplate: realmTemplate
    .exactOptional()
    .describe('Template for realms that are created when clients join them. Absent: no realm is created.'),
  ops: ops.prefault({}).describe('Operations endpoint: health and metrics.'),
  log: log.prefault({}).describe('Logs.'),
  processes: z
    .union([z.literal('auto'), count(1, 64)])
    .default(1)
    .describe(
      'Number of processes of this machine that serve the ports together, each a node on a processor of its own; they need `backplane.url`. `auto`: as many as the machine, or the limit of its container, has processors. Other limits hold for each process by itself; they share the memory.',
    ),
  demo: z
    .strictObject({ enabled: z.boolean().default(true).describe('Serve the votes demo at `/`.') })
    .prefault({})
    .describe('The votes demo.'),
  console: z
    .strictObject({
      enabled: z
        .boolean()
        .default(false)
        .describe(
          'Serve a page at `/console/` that shows nodes, sessions, subscriptions and registrations to clients whose role may ask for them: docs/console.md.',
        ),
    })
    .prefault({})
    .describe('The console, a page for operators.'),
  httpBridge: z
    .array(httpService)
    .max(64)
    .default([])
    .describe(
      'Services that publish and call for HTTP clients, at the port of `listen`. See [the HTTP bridge](http-bridge.md).',
    ),
  drain: drain.prefault({}).describe('How a node ends on SIGTERM or SIGINT.'),
  backplane: backplane.prefault({}).describe('What connects the nodes of a cluster.'),
  node: node.prefault({}).describe('This node.'),
});

/** The accepted input: everything that has a default may be left out. */
export type ConfigInput = z.input<typeof CONFIG_SCHEMA>;

type Frozen<Value> = Value extends readonly (infer Element)[]
  ? readonly Frozen<Element>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: Frozen<Value[Key]> }
    : Value;

/** `anonymousRole` is decided: null refuses sessions without authentication. */
type Decided<Rules> = Omit<Rules, 'anonymousRole'> & { anonymousRole: string | null };

type Parsed = z.output<typeof CONFIG_SCHEMA>;

export type RealmTemplateConfig = Frozen<Decided<z.output<typeof realmTemplate>>>;
export type AuthConfig = NonNullable<RealmConfig['auth']>;
/** What a realm wants of tokens of one issuer. */
export type TokenRules = Frozen<z.output<typeof tokenRules>>;
export type RealmConfig = Frozen<Decided<z.output<typeof realm>>>;

/** The effective configuration: complete, checked, deeply frozen. */
export type Config = Frozen<Omit<Parsed, 'realms' | 'realmTemplate'>> & {
  readonly realms: readonly RealmConfig[];
  readonly realmTemplate?: RealmTemplateConfig;
};
