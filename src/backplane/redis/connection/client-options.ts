import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { RedisOptions } from 'ioredis';
import { SocketConnector } from './socket-connector.js';
import { StoreUnusableError } from './store-errors.js';
import { parseStoreUrl } from './store-url.js';

/** `replyMapping` is left out: its type is not that of a setting that may be absent. */
export type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

/** Address and credentials of the store: the settings `backplane.url` and `backplane.redis`. */
export interface StoreAccess {
  readonly url: string;
  /** Overrides the user name in the URL; the password likewise. */
  readonly username?: string;
  readonly password?: string;
  readonly tls?: TlsFiles;
  /** The Sentinels know the server; the host of the URL is ignored then. */
  readonly sentinels?: Sentinels;
  /** `host:port` of servers of a Redis Cluster; the host of the URL is ignored then. */
  readonly cluster?: { readonly nodes: readonly string[] };
  /** The primary of a Redis Cluster that these connections are for. */
  readonly primary?: ServerAddress;
  /** Where a server of the Redis Cluster is reached that announces another address: tests put proxies there. */
  readonly route?: (announced: ServerAddress) => ServerAddress;
  readonly connectTimeoutMs: number;
  /** Time from the request to the reply. */
  readonly commandTimeoutMs: number;
}

/** PEM files. Every connection reads them again, so that certificates may be renewed in place. */
export interface TlsFiles {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** The name that the certificate must have, if it is not that of the host. */
  readonly serverName?: string;
}

export interface Sentinels {
  readonly master: string;
  /** `host:port`, `[address]:port` */
  readonly nodes: readonly string[];
  readonly username?: string;
  readonly password?: string;
  /** Use TLS for the Sentinels too, with the same files. */
  readonly tls: boolean;
}

/** The address of a server. */
export type ServerAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** The server that the URL names, or the primary. */
export function addressOf({ url, primary }: StoreAccess): ServerAddress {
  if (primary !== undefined) return primary;
  const { host, port, path } = parseStoreUrl(url);
  return path === undefined ? { host, port } : { path };
}

/** For one connection to a server. Errors: StoreUnusableError. */
export function clientOptions(access: StoreAccess, at: ServerAddress): ClientOptions {
  const { database, isTls, ...inUrl } = parseStoreUrl(access.url);
  return {
    ...onceOnly(access.route?.(at) ?? at),
    db: database,
    ...credentials(access.username ?? inUrl.username, access.password ?? inUrl.password),
    ...(isTls && { tls: readTls(access.tls ?? {}) }),
  };
}

/** For one connection to a Sentinel, `host:port`. Errors: StoreUnusableError. */
export function sentinelOptions({ tls }: StoreAccess, sentinels: Sentinels, node: string): ClientOptions {
  return {
    ...onceOnly(parseAddress(node, 26_379)),
    ...credentials(sentinels.username, sentinels.password),
    ...(sentinels.tls && { tls: readTls(tls ?? {}) }),
  };
}

/** Reads `host:port` and `[address]:port`. */
export function parseAddress(node: string, defaultPort: number): { readonly host: string; readonly port: number } {
  const [, host = node, port = `${defaultPort}`] = /^\[?(.*?)\]?:(\d+)$/.exec(node) ?? [];
  return { host, port: Number(port) };
}

/** A connection that never reconnects by itself; ioredis queues, resends and resubscribes nothing. */
function onceOnly(at: ServerAddress): ClientOptions {
  return {
    ...at,
    Connector: SocketConnector,
    lazyConnect: true,
    retryStrategy: null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // The ready check of ioredis knows loading and replicas, but not versions: see server-info.
    enableReadyCheck: false,
    // It would need another right, and Redis 7.0 does not know it.
    disableClientInfo: true,
    // StoreConnection limits the time, from the first packet to the last reply of the authentication.
    connectTimeout: 0,
    disconnectTimeout: 500,
    keepAlive: 10_000,
  };
}

function credentials(username: string | undefined, password: string | undefined): ClientOptions {
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
}

/** Every secret that an error or a log line might repeat. */
export function secretsOf({ url, password, sentinels }: StoreAccess): readonly string[] {
  const inUrl = parseStoreUrl(url).password;
  return [password, inUrl, sentinels?.password].filter((secret) => secret !== undefined && secret !== '') as string[];
}

/** Replaces the secrets in a text, so that it may be shown. */
export function redact(text: string, secrets: readonly string[]): string {
  let shown = text;
  for (const secret of secrets) shown = shown.replaceAll(secret, '********');
  return shown;
}

function readTls({ caFile, certFile, keyFile, serverName }: TlsFiles): ConnectionOptions {
  return {
    ...(caFile !== undefined && { ca: readPem('caFile', caFile) }),
    ...(certFile !== undefined && { cert: readPem('certFile', certFile) }),
    ...(keyFile !== undefined && { key: readPem('keyFile', keyFile) }),
    ...(serverName !== undefined && { servername: serverName }),
  };
}

function readPem(setting: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new StoreUnusableError(`backplane.redis.tls.${setting}: ${file} cannot be read`, { cause });
  }
}
