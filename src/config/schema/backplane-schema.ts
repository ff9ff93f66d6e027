import { z } from 'zod';
import { bytes, distinct, milliseconds } from '../fields.js';

const file = (what: string) =>
  z.string().min(1).exactOptional().describe(`PEM file with ${what}. Relative to the working directory.`);

const secret = (description: string) => z.string().min(1).exactOptional().meta({ description, writeOnly: true });

const username = (of: string) => z.string().min(1).max(255).exactOptional().describe(of);

const tls = z.strictObject({
  caFile: file('the certificates that Redis is verified with; absent: those that come with Node.js'),
  certFile: file("this node's certificate, where Redis asks for one"),
  keyFile: file('the private key of that certificate'),
  serverName: z
    .string()
    .min(1)
    .max(255)
    .exactOptional()
    .describe('Name that the certificate of Redis must have. Absent: the host it was reached at.'),
});

const sentinels = z.strictObject({
  master: z.string().min(1).max(255).describe('Name under which the Sentinels know the server.'),
  nodes: distinct(
    z
      .string()
      .regex(/^([^\s:[\]@/]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/, 'Invalid Sentinel: write host:port, or [address]:port'),
  ).describe('Sentinels, as `host:port`.'),
  username: username('User at the Sentinels.'),
  password: secret('Password at the Sentinels.'),
  tls: z.boolean().default(false).describe('Use TLS for the Sentinels too, with the files of backplane.redis.tls.'),
});

const shards = z.strictObject({
  nodes: distinct(
    z
      .string()
      .regex(/^([^\s:[\]@/]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/, 'Invalid server: write host:port, or [address]:port'),
  ).describe('Servers of the cluster that are asked for all others, as `host:port`. A few are enough.'),
});

const redis = z.strictObject({
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,32}$/, 'Invalid prefix: 1 to 32 of A-Z, a-z, 0-9, ".", "_" and "-"')
    .default('gantry')
    .describe('Prefix of all keys and channels. Clusters that share a server need different ones.'),
  username: username('User of Redis. Instead of the one in backplane.url.'),
  password: secret(
    'Password of Redis, instead of the one in backplane.url. Better set in the environment than in a file.',
  ),
  tls: tls
    .exactOptional()
    .describe('TLS with something else than the defaults. Only with rediss: or Sentinels on TLS.'),
  sentinels: sentinels
    .exactOptional()
    .describe(
      'Ask these Redis Sentinels where the server is. Then only scheme, user, password and database of backplane.url count.',
    ),
  cluster: shards
    .exactOptional()
    .describe(
      'Use a Redis Cluster or Valkey Cluster, with sharded pub/sub. Then only scheme, user and password of backplane.url count.',
    ),
  connectTimeoutMs: milliseconds(100, 60_000)
    .default(5_000)
    .describe('Milliseconds that connecting and authentication may take before the node tries again.'),
  commandTimeoutMs: milliseconds(100, 60_000)
    .default(3_000)
    .describe(
      'Milliseconds that Redis has for a reply. After that the node drops all its connections, the commands have failed, and it connects again. Below backplane.cluster.leaseMs.',
    ),
  pubsubBufferBytes: bytes(1_048_576, 2_147_483_648)
    .exactOptional()
    .describe(
      'Bytes that Redis lets wait for a node before it closes its connection: the first number of its `client-output-buffer-limit pubsub`. A publication or call that would fill three quarters of it is refused when another node needs it. Absent: Redis is asked, if the user has the right `+config|get`; else its default, 32 MiB.',
    ),
});

const cluster = z.strictObject({
  leaseMs: milliseconds(500, 600_000)
    .default(7_000)
    .describe(
      'Milliseconds without a renewal after which the others take a node for dead that hangs or is cut off: its sessions, subscriptions and registrations are removed and calls to it fail. At least three times renewMs.',
    ),
  renewMs: milliseconds(100, 200_000).default(2_000).describe('Milliseconds between two renewals of the lease.'),
  absentMs: milliseconds(0, 600_000)
    .default(1_500)
    .describe(
      'Milliseconds without a subscriber to the inbox of a node in Redis until the others declare the node dead before its lease ends, if it has not renewed for renewMs and a third of this either. A process that hangs keeps its subscriber. More than 1 s, the time of a reconnection. `0`: only the lease counts.',
    ),
  heartbeatMs: milliseconds(50, 60_000)
    .default(1_000)
    .describe(
      'Milliseconds between two heartbeats of a lane that may have lost its last message, and between two looks at the neighbours on the ring of nodes.',
    ),
  probeTimeoutMs: milliseconds(100, 120_000)
    .default(3_000)
    .describe(
      'Milliseconds without its own probe, which a node sends to itself through Redis every heartbeatMs, after which it counts as cut off. At least twice heartbeatMs.',
    ),
  barrierTimeoutMs: milliseconds(1_000, 900_000)
    .default(15_000)
    .describe(
      'Milliseconds after which a SUBSCRIBE or REGISTER fails that not every node has confirmed. Above leaseMs, so that a node that dies meanwhile fails nothing.',
    ),
  takeoverTimeoutMs: milliseconds(0, 600_000)
    .exactOptional()
    .describe(
      'Milliseconds that a REGISTER waits at most for the decision about a session that holds the procedure and whose node does not answer; then it is refused with `wamp.error.procedure_already_exists`. Absent: leaseMs + renewMs + 1 s, by which a dead node has been declared dead. `0`: it does not wait. It never waits longer than barrierTimeoutMs.',
    ),
  isolated: z
    .enum(['serve', 'pause', 'close'])
    .default('serve')
    .describe(
      'The treatment of clients by a node that other nodes may have declared dead, because it has not reached Redis for its lease. `serve`: it routes between its own clients. `pause`: it keeps their messages, within limits.maxInboxBytes, until it reaches Redis again. `close`: it closes their connections with 1012. In an outage of Redis every node does so.',
    ),
  reaskMs: milliseconds(50, 60_000)
    .default(500)
    .describe('Milliseconds after which a node that has not confirmed is asked. Below barrierTimeoutMs.'),
  maxBatchBytes: bytes(4_096, 16_777_216)
    .default(262_144)
    .describe(
      'Bytes of one message to another node, into which the items of one turn are packed; a larger single item is sent alone.',
    ),
  maxUnacknowledgedBytes: bytes(65_536, 2_147_483_648)
    .default(67_108_864)
    .describe(
      'Bytes sent to other nodes that Redis has not yet confirmed to have passed on. Beyond it publications and calls to other nodes fail at once. Not below maxBatchBytes and limits.maxMessageBytes.',
    ),
});

/** `memory`, or the URL of a Redis server. */
export const backplane = z.strictObject({
  url: z
    .string()
    .superRefine((url, context) => {
      const message = urlFlaw(url);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .default('memory')
    .meta({
      description:
        'The connection between the nodes of a cluster. `memory`: this node is alone. `redis://[user:password@]host[:port][/database]`, `rediss:` with TLS, `unix:/path[?db=database]`; `valkey:` and `valkeys:` mean the same. Redis 7 or later, or Valkey; in cluster mode with `backplane.redis.cluster`.',
      mayHoldPassword: true,
    }),
  redis: redis.prefault({}).describe('How Redis is used.'),
  cluster: cluster.prefault({}).describe('How the nodes of a cluster watch each other. The same on all of them.'),
});

const MAX_PORT = 65_535;
/** The port of an address, which is behind user and password. */
const PORT = /:(\d+)(?:[/?#][^@]*)?$/;

/** The flaw of a URL, without the URL itself, which may hold a password. */
function urlFlaw(text: string): string | undefined {
  if (text === 'memory') return undefined;
  const scheme = /^(?:(rediss?|valkeys?):\/\/|(unix):\/)/i.exec(text);
  if (scheme === null) return 'Invalid backplane: write "memory", redis://host:port, rediss://host:port or unix:/path';
  if (!URL.canParse(text) && Number(PORT.exec(text)?.[1]) > MAX_PORT)
    return `Invalid URL: the port is above ${MAX_PORT}`;
  if (!URL.canParse(text) || !isEscaped(text))
    return 'Invalid URL: special characters in user and password must be percent-encoded';
  const url = new URL(text);
  if (scheme[2] !== undefined) return unixFlaw(url);
  if (url.hostname === '') return 'Invalid URL: it names no host';
  if (url.search !== '' || url.hash !== '') return 'Invalid URL: nothing may follow the database number';
  return /^(\/\d{0,5})?$/.test(url.pathname) ? undefined : 'Invalid URL: expected a database number after the host';
}

function unixFlaw({ pathname, search, hash, host }: URL): string | undefined {
  if (host !== '') return 'Invalid URL: write unix:/path, with one or three slashes';
  if (pathname === '/' || hash !== '' || !/^(\?db=\d{1,5})?$/.test(search))
    return 'Invalid URL: write unix:/path, or unix:/path?db=1';
  return undefined;
}

function isEscaped(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** The URL as it may be shown: without its password. */
export function withoutPassword(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^:/?#]*:)[^/?#]*@/i, '$1********@');
}
