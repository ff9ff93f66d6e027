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

/** What follows the name of the user in an ACL file or after ACL SETUSER. */
export function aclRules(
  password: string,
  { prefix = 'gantry', database = 0, without = [] as readonly string[] } = {},
): string[] {
  const channels = database === 0 ? prefix : `${prefix}@${database}`;
  const rights = COMMANDS.filter((command) => !without.includes(command)).map((command) => `+${command}`);
  // Scripts receive channels as keys.
  const keys = [...new Set([prefix, channels])].map((name) => `~${name}:*`);
  return ['reset', 'on', `>${password}`, ...keys, `&${channels}:*`, ...rights];
}
