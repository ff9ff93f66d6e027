/** The commands that a node needs a right for. It does without the last two: see the operations guide. */
export const COMMANDS = [
  'info',
  'select',
  'client|id',
  'client|setname',
  'script|load',
  'evalsha',
  'eval',
  'publish',
  'subscribe',
  'unsubscribe',
  'sscan',
  'hscan',
  ...['time', 'get', 'set', 'pexpire', 'persist', 'exists', 'incrby', 'decrby', 'unlink'],
  ...['hget', 'hset', 'hsetnx', 'hdel', 'hexists', 'hgetall', 'hkeys', 'hincrby', 'hlen', 'hrandfield'],
  ...['sadd', 'srem', 'scard'],
  ...['zadd', 'zrem', 'zscore', 'zrangebyscore', 'zremrangebyscore', 'zrange', 'zrevrangebyscore'],
  ...['xadd', 'xdel', 'xlen', 'xrange', 'xrevrange'],
  'pubsub|numsub',
  'client|kill',
] as const;

/** What a node needs in a Redis Cluster in place of others. */
export const IN_A_CLUSTER = {
  added: ['ssubscribe', 'spublish', 'cluster|slots', 'pubsub|shardnumsub'],
  left: ['subscribe', 'unsubscribe', 'publish', 'pubsub|numsub'],
} as const;

/** What follows the name of the user in an ACL file or after ACL SETUSER. */
export function aclRules(
  password: string,
  { prefix = 'gantry', database = 0, isSharded = false, without = [] as readonly string[] } = {},
): string[] {
  const channels = database === 0 ? prefix : `${prefix}@${database}`;
  const { added, left } = IN_A_CLUSTER;
  const sharded = [...COMMANDS.filter((command) => !(left as readonly string[]).includes(command)), ...added];
  const needed: readonly string[] = isSharded ? sharded : COMMANDS;
  const rights = needed.filter((command) => !without.includes(command)).map((command) => `+${command}`);
  // Scripts receive channels as keys.
  const keys = [...new Set([prefix, channels])].map((name) => `~${name}:*`);
  return ['reset', 'on', `>${password}`, ...keys, `&${channels}:*`, ...rights];
}
