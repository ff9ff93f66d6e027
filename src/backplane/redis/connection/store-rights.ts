import type { LoadedScript } from '../scripts/loader.js';
import type { StoreConnection } from './store-connection.js';
import { StoreReplyError, StoreUnusableError } from './store-errors.js';

/** The part of the store that a node uses: names to check rights with, and the patterns of all names. */
export interface RightsScope {
  readonly key: string;
  readonly channels: readonly string[];
  readonly database: number;
  /** A Redis Cluster: its channels are sharded. */
  readonly isSharded?: boolean;
  /** Pattern for an ACL rule. */
  readonly keyPattern: string;
  readonly channelPattern: string;
}

type Words = readonly [name: string, ...rest: string[]];

export const CHECK_RIGHTS_FILE = 'check_rights.lua';
const READ_SETTING: Words = ['CONFIG', 'GET', 'client-output-buffer-limit'];
/** The default of Redis, for a node that may not read the setting. */
const DEFAULT_PUBSUB_BYTES = 33_554_432;

/** Every command that a node or its scripts need, in the order in which the operations guide lists them. */
export function neededCommands({ key, channels, database, isSharded = false }: RightsScope): readonly Words[] {
  const sharded = isSharded ? 'S' : '';
  return [
    ...(isSharded ? [['CLUSTER|SLOTS'] as const] : []),
    ['INFO'],
    ...(database === 0 ? [] : [['SELECT', `${database}`] as const]),
    ['CLIENT|ID'],
    ['CLIENT|SETNAME', 'name'],
    ['SCRIPT|LOAD', 'text'],
    // Scripts receive channels as keys.
    ['EVALSHA', 'sha', `${channels.length}`, ...channels],
    ['EVAL', 'text', `${channels.length}`, ...channels],
    ...channels.map((channel) => [`${sharded}PUBLISH`, channel, 'message'] as const),
    ...channels.map((channel) => [`${sharded}SUBSCRIBE`, channel] as const),
    ...(isSharded ? [] : channels.map((channel) => ['UNSUBSCRIBE', channel] as const)),
    ['SSCAN', key, '0'],
    ['HSCAN', key, '0'],
    ['TIME'],
    ['GET', key],
    ['SET', key, 'value'],
    ['PEXPIRE', key, '1'],
    ['PERSIST', key],
    ['EXISTS', key],
    ['INCRBY', key, '1'],
    ['DECRBY', key, '1'],
    ['UNLINK', key],
    ['HGET', key, 'field'],
    ['HSET', key, 'field', 'value'],
    ['HSETNX', key, 'field', 'value'],
    ['HDEL', key, 'field'],
    ['HEXISTS', key, 'field'],
    ['HGETALL', key],
    ['HKEYS', key],
    ['HINCRBY', key, 'field', '1'],
    ['HLEN', key],
    ['HRANDFIELD', key],
    ['SADD', key, 'member'],
    ['SREM', key, 'member'],
    ['SCARD', key],
    ['ZADD', key, '1', 'member'],
    ['ZREM', key, 'member'],
    ['ZSCORE', key, 'member'],
    ['ZRANGEBYSCORE', key, '0', '1'],
    ['ZREMRANGEBYSCORE', key, '0', '1'],
    ['ZRANGE', key, '0', '1'],
    ['ZREVRANGEBYSCORE', key, '1', '0'],
    ['XADD', key, '*', 'field', 'value'],
    ['XDEL', key, '0-1'],
    ['XLEN', key],
    ['XRANGE', key, '-', '+'],
    ['XREVRANGE', key, '+', '-'],
  ];
}

/**
 * Checks that the user has every right that a node needs, including those that only scripts need, or only when another node dies.
 * Rejects with StoreUnusableError, which names all that are missing. The script must be loaded.
 */
export async function checkRights(
  connection: StoreConnection,
  script: LoadedScript,
  scope: RightsScope,
): Promise<void> {
  const commands = neededCommands(scope);
  const denied = await deniedOf(connection, script, commands);
  if (denied.length === 0) return;
  const names = [...new Set(denied.map(([name]) => `+${name.toLowerCase()}`))].join(' ');
  throw new StoreUnusableError(
    `Redis denies rights that Gantry needs for keys ${scope.keyPattern} and channels ${scope.channelPattern}: ${names}: give the user the rights that the operations guide lists${prefixHint(commands, denied, scope)}`,
  );
}

/** For a user who may use no key of this prefix: probably the prefix, or the patterns of the user, are those of another cluster. */
function prefixHint(commands: readonly Words[], denied: readonly Words[], scope: RightsScope): string {
  const { key, keyPattern, channelPattern } = scope;
  if (!commands.filter((words) => words.includes(key)).every((words) => denied.includes(words))) return '';
  const patterns = [...keyPattern.split(' ').map((pattern) => `~${pattern}`), `&${channelPattern}`].join(' ');
  return `, with the patterns ${patterns}, or set backplane.redis.prefix to the prefix that the user may use`;
}

/**
 * Returns how many bytes Redis buffers for a node before it closes the connection; Infinity: any number. The default of Redis where
 * the user may not read the setting. It is not read without the right, so that Redis logs no denial.
 */
export async function pubsubBufferBytes(connection: StoreConnection, script: LoadedScript): Promise<number> {
  const [name, ...rest] = READ_SETTING;
  if ((await deniedOf(connection, script, [[`${name}|${rest[0] ?? ''}`, ...rest.slice(1)]])).length > 0)
    return DEFAULT_PUBSUB_BYTES;
  const reply = await connection.ask((client) => client.call(name, ...rest)).catch(() => undefined);
  const [, value] = Array.isArray(reply) ? (reply as unknown[]) : [];
  const [, bytes] = /\bpubsub (\d+) /.exec(String(value)) ?? [];
  if (bytes === undefined) return DEFAULT_PUBSUB_BYTES;
  return bytes === '0' ? Infinity : Number(bytes);
}

async function deniedOf(
  connection: StoreConnection,
  script: LoadedScript,
  commands: readonly Words[],
): Promise<Words[]> {
  const words = commands.flatMap(([name, ...rest]) => {
    const all = [...name.split('|'), ...rest];
    return [`${all.length}`, ...all];
  });
  const places = await evaluate(connection, script, words);
  if (!Array.isArray(places)) throw new TypeError(`${script.file}: its reply is no list`);
  return commands.filter((_, index) => (places as unknown[]).includes(index + 1));
}

/** The store may have lost its scripts again since they were loaded. */
async function evaluate(
  connection: StoreConnection,
  { sha, text }: LoadedScript,
  words: readonly string[],
): Promise<unknown> {
  try {
    return await connection.ask((client) => client.call('EVALSHA', sha, 0, ...words));
  } catch (error) {
    if (!(error instanceof StoreReplyError) || error.code !== 'NOSCRIPT') throw error;
    return connection.ask((client) => client.call('EVAL', text, 0, ...words));
  }
}
