/** The address of one server, as given by `backplane.url`. */
export interface StoreAddress {
  readonly host: string;
  readonly port: number;
  /** Path of a unix socket; then host and port are ignored. */
  readonly path: string | undefined;
  readonly database: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly isTls: boolean;
}

const SCHEME = /^(redis|rediss|valkey|valkeys|unix):/i;

/**
 * Reads redis://, rediss:// (TLS), valkey:// and valkeys:// with [user:password@]host[:port][/database], and
 * unix:/path[?db=database]. Throws Error, whose message does not contain the URL; the configuration has checked it before.
 */
export function parseStoreUrl(text: string): StoreAddress {
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined || !URL.canParse(text)) throw new Error('backplane.url is not the URL of a Redis server');
  const url = new URL(text);
  const isUnix = scheme === 'unix';
  const database = isUnix ? (url.searchParams.get('db') ?? '0') : url.pathname.replace(/^\/$/, '').slice(1) || '0';
  if (!/^\d{1,6}$/.test(database)) throw new Error('backplane.url names no database: expected a number');
  if (!isUnix && url.hostname === '') throw new Error('backplane.url names no host');
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 6379 : Number(url.port),
    path: isUnix ? decodeURIComponent(url.pathname) : undefined,
    database: Number(database),
    username: decoded(url.username),
    password: decoded(url.password),
    isTls: scheme.endsWith('s') && scheme !== 'redis',
  };
}

function decoded(part: string): string | undefined {
  return part === '' ? undefined : decodeURIComponent(part);
}
