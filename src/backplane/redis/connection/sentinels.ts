import type { Sentinels, ServerAddress } from './client-options.js';
import type { StoreConnection } from './store-connection.js';
import { remedyFor, StoreUnusableError } from './store-errors.js';

/**
 * Asks one Sentinel after the other for the address of the server, beginning with number `first`. `open` connects to one. Rejects
 * when none of them knows it; with StoreUnusableError when all of them would give the same answer again.
 */
export async function findServer(
  { master, nodes }: Sentinels,
  first: number,
  open: (node: string) => Promise<StoreConnection>,
): Promise<ServerAddress> {
  const failures: string[] = [];
  const remedies = new Set<string | undefined>();
  for (let index = 0; index < nodes.length; index++) {
    const node = nodes[(first + index) % nodes.length] ?? '';
    try {
      const address = await ask(await open(node), master);
      if (address !== undefined) return address;
      failures.push(`${node} knows no server "${master}"`);
      remedies.add(undefined);
    } catch (error) {
      if (error instanceof StoreUnusableError) throw error;
      failures.push(`${node}: ${(error as Error).message}`);
      remedies.add(remedyFor(error as Error));
    }
  }
  const all = failures.join('; ');
  if (failures.every((failure) => failure.endsWith(`knows no server "${master}"`)))
    throw new StoreUnusableError(`no Sentinel knows a server "${master}": check backplane.redis.sentinels.master`);
  if (failures.every((failure) => /: (WRONGPASS|NOAUTH)/.test(failure)))
    throw new StoreUnusableError(`the Sentinels refuse: check backplane.redis.sentinels.password (${all})`);
  const [remedy, ...others] = remedies;
  // An operator has to mend a cause that all of them share. If there are several, one may be temporary.
  if (remedy !== undefined && others.length === 0) throw new StoreUnusableError(`at the Sentinels: ${remedy}`);
  throw new Error(`no Sentinel has the address of Redis (${all})`);
}

async function ask(sentinel: StoreConnection, master: string): Promise<ServerAddress | undefined> {
  try {
    const reply: unknown = await sentinel.ask((client) => client.call('SENTINEL', 'get-master-addr-by-name', master));
    if (reply === null) return undefined;
    const [host, port] = Array.isArray(reply) ? (reply as unknown[]) : [];
    if (typeof host !== 'string' || !/^\d+$/.test(String(port))) throw new TypeError('its reply is no address');
    return { host, port: Number(port) };
  } finally {
    void sentinel.close();
  }
}
