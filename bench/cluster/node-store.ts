import type { joinServers } from '../../deploy/local/redis-cluster.mjs';
import { freePort } from '../routers/process.js';
import { startRedis, type RunningRedis } from './redis-server.js';

/** Not compiled: it is a part of the checkout. */
const joining = new URL('../../../deploy/local/redis-cluster.mjs', import.meta.url);
const prefix = 'bench';
/** All servers and nodes share a core: one that gets none for a while is not dead. */
const shardTimeoutMs = 60_000;

/** The servers over which nodes meet: one Redis, or the primaries of a Redis Cluster. */
export interface NodeStore {
  readonly servers: readonly RunningRedis[];
  /** `backplane` in the configuration of the nodes. */
  readonly backplane: object;
  stop(): Promise<void>;
}

/** `primaryCount`: of a Redis Cluster; 0: one Redis. */
export async function startStore(primaryCount: number): Promise<NodeStore> {
  const starting = await Promise.allSettled(
    primaryCount === 0 ? [startRedis()] : Array.from({ length: primaryCount }, startPrimary),
  );
  const servers = starting.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    const failed = starting.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    if (primaryCount > 0) await join(servers);
  } catch (error) {
    await stop();
    throw error;
  }
  const nodes = servers.map(({ port }) => `127.0.0.1:${port}`);
  const redis = primaryCount === 0 ? { prefix } : { prefix, cluster: { nodes } };
  return { servers, backplane: { url: servers[0]!.url, redis }, stop };
}

async function startPrimary(): Promise<RunningRedis> {
  // Without this setting the bus takes the port 10000 higher, which may be in use.
  const bus = ['--cluster-port', String(await freePort())];
  return startRedis({ words: ['--cluster-enabled', 'yes', '--cluster-node-timeout', String(shardTimeoutMs), ...bus] });
}

async function join(servers: readonly RunningRedis[]): Promise<void> {
  const module = (await import(joining.href)) as { readonly joinServers: typeof joinServers };
  await module.joinServers(servers);
}
