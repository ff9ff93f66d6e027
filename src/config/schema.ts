import { z } from 'zod';
import type { tokenRules } from './schema/jwt-schema.js';
import { backplane } from './schema/backplane-schema.js';
import { bytes, count, host, milliseconds, port } from './fields.js';
import { httpService } from './schema/http-bridge-schema.js';
import { limits } from './schema/limits-schema.js';
import { listen } from './schema/listen-schema.js';
import { listener } from './schema/listeners-schema.js';
import { longPoll } from './schema/longpoll-schema.js';
import { web } from './schema/web-schema.js';
import { DEFAULT_REALMS, realm, realmTemplate } from './schema/realm-schema.js';

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
  longPoll: longPoll.prefault({}).describe('HTTP long-poll beside the WebSocket of `listen`.'),
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
    .describe('Services that publish and call for HTTP clients. See [the HTTP bridge](http-bridge.md).'),
  web: web.prefault({}).describe('Files, values and redirects, at the port of `listen`.'),
  drain: drain.prefault({}).describe('How a node ends on SIGTERM or SIGINT.'),
  backplane: backplane.prefault({}).describe('The connection between the nodes of a cluster.'),
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
/** The rules of a realm for tokens of one issuer. */
export type TokenRules = Frozen<z.output<typeof tokenRules>>;
export type RealmConfig = Frozen<Decided<z.output<typeof realm>>>;

/** The effective configuration: complete, checked, deeply frozen. */
export type Config = Frozen<Omit<Parsed, 'realms' | 'realmTemplate'>> & {
  readonly realms: readonly RealmConfig[];
  readonly realmTemplate?: RealmTemplateConfig;
};
