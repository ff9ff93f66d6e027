import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { RedisOptions } from 'ioredis';
import { StoreUnusableError } from './store-errors.js';
import { parseStoreUrl } from './url.js';

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

/**
 * What ioredis is to be told for one connection that never comes back by itself: nothing is queued, sent again or
 * subscribed again behind our back. `attempt` varies which Sentinel is asked first. Errors: StoreUnusableError.
 */
export function clientOptions(access: StoreAccess, connectionName: string, attempt: number): ClientOptions {
  const address = parseStoreUrl(access.url);
  const username = access.username ?? address.username;
  const password = access.password ?? address.password;
  const tls = address.isTls || access.sentinels?.tls === true ? readTls(access.tls ?? {}) : undefined;
  return {
    connectionName,
    db: address.database,
    lazyConnect: true,
    retryStrategy: null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // It knows loading and replicas, but not versions: see server-info.
    enableReadyCheck: false,
    connectTimeout: access.connectTimeoutMs,
    disconnectTimeout: 500,
    keepAlive: 10_000,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(address.isTls && tls && { tls }),
    ...(access.sentinels === undefined
      ? address.path === undefined
        ? { host: address.host, port: address.port }
        : { path: address.path }
      : sentinelOptions(access.sentinels, access, address.isTls, tls, attempt)),
  };
}

/** Every secret that an error or a log line might repeat. */
export function secretsOf({ url, password, sentinels }: StoreAccess): readonly string[] {
  const inUrl = parseStoreUrl(url).password;
  return [password, inUrl, sentinels?.password].filter((secret) => secret !== undefined && secret !== '') as string[];
}

/** Does what is needed to show a text: takes secrets out of it. */
export function redact(text: string, secrets: readonly string[]): string {
  let shown = text;
  for (const secret of secrets) shown = shown.replaceAll(secret, '********');
  return shown;
}

function sentinelOptions(
  { master, nodes, username, password, tls: isTls }: Sentinels,
  { commandTimeoutMs }: StoreAccess,
  isServerTls: boolean,
  tls: ConnectionOptions | undefined,
  attempt: number,
): ClientOptions {
  const addresses = nodes.map(hostAndPort);
  // A Sentinel that is cut off from the others keeps naming the old server.
  const first = attempt % addresses.length;
  return {
    name: master,
    sentinels: [...addresses.slice(first), ...addresses.slice(0, first)],
    sentinelRetryStrategy: () => null,
    sentinelCommandTimeout: commandTimeoutMs,
    updateSentinels: false,
    enableTLSForSentinelMode: isServerTls,
    ...(isTls && tls && { sentinelTLS: tls }),
    ...(username !== undefined && { sentinelUsername: username }),
    ...(password !== undefined && { sentinelPassword: password }),
  };
}

function hostAndPort(text: string): { host: string; port: number } {
  const [, host = text, port = '26379'] = /^\[?(.*?)\]?:(\d+)$/.exec(text) ?? [];
  return { host, port: Number(port) };
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
