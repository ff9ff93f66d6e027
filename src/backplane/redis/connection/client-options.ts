import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { RedisOptions } from 'ioredis';
import { SocketConnector } from './socket-connector.js';
import { StoreUnusableError } from './store-errors.js';
import { parseStoreUrl } from './store-url.js';

/** `replyMapping` is left out: its type is not that of a setting that may be absent. */
export type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

/** How to reach the store and who to be there: the settings `backplane.url` and `backplane.redis`. */
export interface StoreAccess {
  readonly url: string;
  /** Instead of those in the URL. */
  readonly username?: string;
  readonly password?: string;
  readonly tls?: TlsFiles;
  /** Asked for the server; the host of the URL means nothing then. */
  readonly sentinels?: Sentinels;
  readonly connectTimeoutMs: number;
  /** From asking to the reply. */
  readonly commandTimeoutMs: number;
}

/** PEM files, read anew for every connection, so that certificates may be renewed in place. */
export interface TlsFiles {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Name that the certificate must have, if not that of the host. */
  readonly serverName?: string;
}

export interface Sentinels {
  readonly master: string;
  /** `host:port`, `[address]:port` */
  readonly nodes: readonly string[];
  readonly username?: string;
  readonly password?: string;
  /** Speak TLS to the Sentinels too, with the same files. */
  readonly tls: boolean;
}

/** Where a server listens. */
export type ServerAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** The server that the URL names. */
export function addressOf({ url }: StoreAccess): ServerAddress {
  const { host, port, path } = parseStoreUrl(url);
  return path === undefined ? { host, port } : { path };
}

/** For one connection to a server. Errors: StoreUnusableError. */
export function clientOptions(access: StoreAccess, at: ServerAddress): ClientOptions {
  const { database, isTls, ...inUrl } = parseStoreUrl(access.url);
  return {
    ...onceOnly(at),
    db: database,
    ...credentials(access.username ?? inUrl.username, access.password ?? inUrl.password),
    ...(isTls && { tls: readTls(access.tls ?? {}) }),
  };
}

/** For one connection to a Sentinel, `host:port`. Errors: StoreUnusableError. */
export function sentinelOptions({ tls }: StoreAccess, sentinels: Sentinels, node: string): ClientOptions {
  const [, host = node, port = '26379'] = /^\[?(.*?)\]?:(\d+)$/.exec(node) ?? [];
  return {
    ...onceOnly({ host, port: Number(port) }),
    ...credentials(sentinels.username, sentinels.password),
    ...(sentinels.tls && { tls: readTls(tls ?? {}) }),
  };
}

/** A connection that never comes back by itself; nothing is queued, sent or subscribed again behind our back. */
function onceOnly(at: ServerAddress): ClientOptions {
  return {
    ...at,
    Connector: SocketConnector,
    lazyConnect: true,
    retryStrategy: null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // It knows loading and replicas, but not versions: see server-info.
    enableReadyCheck: false,
    // Would need another right, and Redis 7.0 does not know it.
    disableClientInfo: true,
    // StoreConnection has the time, from the first packet to the last reply of signing in.
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

/** A text that may be shown. */
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
