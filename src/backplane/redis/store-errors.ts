/** The store is there but cannot be used as configured; the message says what to mend. Operational: mend it and start again. */
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

/** Whether the server behind the connection is the wrong one by now: after a failover it became a replica. */
export function needsReconnect({ code }: StoreReplyError): boolean {
  return HEALED_BY_ANOTHER_CONNECTION.has(code);
}

/** Whether the store would not, as opposed to: the command was wrong. */
export function isRefusal({ code }: StoreReplyError): boolean {
  return REFUSALS.has(code);
}

/** What an operator has to do about an error of the store, or undefined when it may pass by itself. */
export function remedyFor(message: string): string | undefined {
  if (message.startsWith('WRONGPASS') || /invalid (password|username-password)/i.test(message)) {
    return 'Redis refuses the user name or the password: check backplane.redis.username and backplane.redis.password, or those in backplane.url';
  }
  if (message.startsWith('NOAUTH')) return 'Redis wants a password: set backplane.redis.password';
  if (message.startsWith('NOPERM')) {
    return `Redis denies a right that Gantry needs (${message}): give the user the rights that the operations guide lists`;
  }
  if (message.startsWith('OOM')) return 'Redis has used up its maxmemory: give it more';
  if (message.startsWith('MISCONF')) return `Redis refuses to write because it cannot save its data (${message})`;
  if (/^(MOVED|CROSSSLOT|CLUSTERDOWN)/.test(message) || message.includes('SELECT is not allowed in cluster mode')) {
    return CLUSTER_MODE;
  }
  if (/DB index is out of range/.test(message)) return 'Redis has no such database: choose another in backplane.url';
  if (/self-signed certificate|unable to (verify|get)|certificate has expired/i.test(message)) {
    return `the certificate of Redis is not trusted (${message}): set backplane.redis.tls.caFile`;
  }
  if (/PEM|key values mismatch|asn1|bad decrypt/i.test(message)) {
    return `the files of backplane.redis.tls cannot be used (${message})`;
  }
  if (/does not match certificate's altnames/i.test(message)) {
    return `the certificate of Redis is for another host (${message}): set backplane.redis.tls.serverName`;
  }
  if (message.startsWith('NOPROTO') || /unknown command.*hello/i.test(message)) return tooOld('of before 6.0');
  return undefined;
}

export const CLUSTER_MODE =
  'Redis runs in cluster mode, which Gantry does not use: point backplane.url to a server without it, or use Sentinel for failover';

export function tooOld(version: string): string {
  return `Redis ${version} is too old: Gantry needs 7.0 or later, or Valkey`;
}
