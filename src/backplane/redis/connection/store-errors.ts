/** The store is there but cannot be used as configured; the message names the remedy. Operational: apply it and start again. */
export class StoreUnusableError extends Error {
  override readonly name = 'StoreUnusableError';
  readonly code = 'STORE_UNUSABLE';
}

/** The store answered a command with an error. `code` is its first word: `NOSCRIPT`, `OOM`, `ERR` … */
export class StoreReplyError extends Error {
  override readonly name = 'StoreReplyError';
  readonly code: string;
  constructor(message: string) {
    super(message);
    this.code = /^[A-Z][A-Z0-9_]*/.exec(message)?.[0] ?? 'ERR';
  }
}

const HEALED_BY_ANOTHER_CONNECTION = new Set(['READONLY', 'MASTERDOWN', 'NOAUTH', 'MOVED']);
const REFUSALS = new Set(['OOM', 'MISCONF', 'NOPERM', 'NOAUTH', 'WRONGPASS', 'READONLY', 'NOREPLICAS', 'MOVED']);

/** Whether the connection has reached the wrong server: after a failover that is a replica. */
export function needsReconnect({ code }: StoreReplyError): boolean {
  return HEALED_BY_ANOTHER_CONNECTION.has(code);
}

/** Whether the store refused the command, and the command was not wrong. */
export function isStoreRefusal({ code }: StoreReplyError): boolean {
  return REFUSALS.has(code);
}

/** Whether the store has no database of that number, or Valkey in cluster mode has not. */
export function isNoDatabase({ message }: { readonly message: string }): boolean {
  return message.startsWith('ERR DB index is out of range');
}

const REDIRECTIONS = new Set(['MOVED', 'ASK', 'TRYAGAIN', 'CLUSTERDOWN']);

/** Whether a Redis Cluster replies that the slot is elsewhere, on its way, or without owner. The command was not carried out. */
export function isRedirection(error: unknown): boolean {
  const { message } = error as { readonly message?: unknown };
  return typeof message === 'string' && REDIRECTIONS.has(/^[A-Z]+/.exec(message)?.[0] ?? '');
}

/** Returns what an operator has to do about an error of the store or of the connection; undefined when it may pass by itself. */
export function remedyFor({
  message,
  code,
}: {
  readonly message: string;
  readonly code?: unknown;
}): string | undefined {
  return remedyForReply(message) ?? (typeof code === 'string' ? remedyForTls(code, message) : undefined);
}

function remedyForReply(message: string): string | undefined {
  if (message.startsWith('WRONGPASS') || /^ERR invalid (password|username-password)/i.test(message)) {
    return 'Redis refuses the user name or the password: check backplane.redis.username and backplane.redis.password, or those in backplane.url';
  }
  if (message.startsWith('NOAUTH')) return 'Redis wants a password: set backplane.redis.password';
  if (message.startsWith('NOPERM')) {
    return `Redis denies a right that Gantry needs (${message}): give the user the rights that the operations guide lists`;
  }
  if (message.startsWith('OOM')) return 'Redis has used up its maxmemory: give it more';
  if (message.startsWith('MISCONF')) return `Redis refuses to write because it cannot save its data (${message})`;
  if (/^(MOVED|CROSSSLOT|CLUSTERDOWN)/.test(message) || /^ERR SELECT is not allowed in cluster mode/.test(message)) {
    return CLUSTER_MODE;
  }
  if (isNoDatabase({ message })) return 'Redis has no such database: choose another in backplane.url';
  if (message.startsWith('NOPROTO') || /^ERR unknown command.*hello/i.test(message)) return tooOld('before 6.0');
  return undefined;
}

const NOT_VOUCHED_FOR = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Goes by the code of Node.js: the message may contain anything, the name of a host for example. */
function remedyForTls(code: string, message: string): string | undefined {
  if (NOT_VOUCHED_FOR.has(code))
    return `the certificate of Redis is not trusted (${message}): set backplane.redis.tls.caFile`;
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate of Redis is for another host (${message}): set backplane.redis.tls.serverName`;
    case 'CERT_HAS_EXPIRED':
      return `the certificate of Redis has expired (${message}): renew it`;
    case 'CERT_NOT_YET_VALID':
      return `the certificate of Redis is not valid yet (${message}): check the clocks`;
    case 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME':
    case 'ERR_SSL_TLSV1_ALERT_UNRECOGNIZED_NAME':
      return `the TLS server at that address does not know the server name that Gantry sends (${message}): check the host in backplane.url, or set backplane.redis.tls.serverName`;
    default:
      return /^ERR_OSSL_(PEM|X509|ASN1|EVP)_/.test(code) || code === 'ERR_OSSL_BAD_DECRYPT'
        ? `the files of backplane.redis.tls cannot be used (${message})`
        : undefined;
  }
}

export const CLUSTER_MODE =
  'Redis runs in cluster mode: set backplane.redis.cluster.nodes, or point backplane.url to a server without it';

export const NO_CLUSTER_MODE =
  'Redis does not run in cluster mode: leave out backplane.redis.cluster, or point it to the servers of a Redis Cluster';

export function tooOld(version: string): string {
  return `Redis ${version} is too old: Gantry needs 7.0 or later, or Valkey`;
}
