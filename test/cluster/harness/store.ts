/** A server, or the servers of a Redis Cluster. */
export interface RowStore {
  command(name: string, key: string, ...words: readonly (string | number)[]): Promise<unknown>;
}

/** One key with all it holds, as text. */
export interface Row {
  readonly key: string;
  readonly content: readonly string[];
}

const READS: Readonly<Record<string, readonly string[]>> = {
  string: ['GET'],
  hash: ['HGETALL'],
  set: ['SMEMBERS'],
  zset: ['ZRANGE', '0', '-1', 'WITHSCORES'],
};
/** Longer than any test, and of the clock of the store, which is this machine's. */
const KEPT_MS = 3_600_000;
/** The only rows that may outlive their node: tombstones, for a day, and the marks of the servers of a Redis Cluster, for an hour. */
const TOMBSTONES = /:\{nodes\}:gone$|:\{p:\d+\}:mark$/;

/** Everything a cluster keeps in the store. */
export async function rowsIn(redis: RowStore, prefix: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const key of (await redis.command('KEYS', `${prefix}:*`)) as string[]) {
    const type = String(await redis.command('TYPE', key));
    if (type === 'none') continue;
    const [command = 'GET', ...words] = READS[type] ?? [];
    const content: unknown = await redis.command(command, key, ...words);
    rows.push({ key, content: [content].flat(2).map(String) });
  }
  return rows;
}

/** The keys in which the store still has a node, tombstones aside. */
export async function tracesOf(redis: RowStore, prefix: string, node: string): Promise<string[]> {
  return (await rowsIn(redis, prefix)).flatMap(({ key, content }) => {
    if (TOMBSTONES.test(key)) return [];
    const held = content.filter((text) => text.includes(node));
    return key.includes(node) ? [key] : held.map((text) => `${key}: ${text.slice(0, 120)}`);
  });
}

/** What is left that should not be, once every node has left. */
export async function leftOver(redis: RowStore, prefix: string): Promise<string[]> {
  const left: string[] = [];
  for (const { key } of await rowsIn(redis, prefix)) {
    const isExcused = TOMBSTONES.test(key) && Number(await redis.command('TTL', key)) > 0;
    if (!isExcused) left.push(key);
  }
  return left;
}

/** The nodes that hold a lease, and those with a row: the same, and these. */
export async function nodesIn(redis: RowStore, prefix: string): Promise<{ alive: string[]; leases: string[] }> {
  const [alive, leases] = (await Promise.all([
    redis.command('HKEYS', `${prefix}:{nodes}:alive`),
    redis.command('ZRANGE', `${prefix}:{nodes}:leases`, '0', '-1'),
  ])) as [string[], string[]];
  return { alive: alive.sort(), leases: leases.sort() };
}

/** From now on nobody is declared dead, however long it does not renew its lease. */
export async function keepEverybody(redis: RowStore, prefix: string): Promise<void> {
  await redis.command('HSET', `${prefix}:{nodes}:meta`, 'graceUntilMs', String(Date.now() + KEPT_MS));
}
