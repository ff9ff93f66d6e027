import { BatchReader } from '../../src/backplane/wire/batch-reader.js';
import { RedisBackplane } from '../../src/backplane/redis/redis-backplane.js';
import type { ClusterTimings } from '../../src/backplane/redis/options.js';
import type { Wire } from '../../src/backplane/redis/ports.js';
import { createClusterCounters, type ClusterCounters } from '../../src/telemetry/cluster-counters.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { NodeId } from '../../src/wamp/ids.js';
import { startFaultProxy, type FaultProxy } from './fault-proxy.js';
import type { ServerAddress, StoreAccess } from '../../src/backplane/redis/connection/client-options.js';
import { randomPrefix } from './redis.js';

/** Short, so that a test sees what takes seconds; the lease is ended by hand where a test wants it ended. */
export const TEST_TIMINGS: ClusterTimings = {
  leaseMs: 10_000,
  renewMs: 100,
  // A node that is cut off is sure of its lease for a third of this; a busy machine takes seconds for what a test does meanwhile.
  absentMs: 27_000,
  heartbeatMs: 50,
  // Longer than a busy machine keeps this process from its sockets: a node that misses its probes is cut off.
  probeTimeoutMs: 4_000,
  barrierTimeoutMs: 15_000,
  reaskMs: 100,
  // No node is declared dead in the first lease of a store.
  takeoverTimeoutMs: 20_000,
  downAfterMs: 20,
  startTimeoutMs: 10_000,
};

/** One server, or the servers of a Redis Cluster. */
export interface TestedStore {
  /** Of all servers; one: not a Redis Cluster. */
  readonly port?: number;
  readonly ports?: readonly number[];
  command(name: string, key: string, ...words: readonly (string | number)[]): Promise<unknown>;
}

interface Member {
  readonly backplane: RedisBackplane;
  /** By the port of the server. */
  readonly proxies: ReadonlyMap<number, FaultProxy>;
  readonly counters: ClusterCounters;
}

/** Nodes of one cluster in this process, each with its own way to a real server. */
export class RedisCluster {
  readonly prefix = randomPrefix();
  readonly #redis: TestedStore;
  readonly #members = new Map<NodeId, Member>();
  /** By lane: what becomes of the next batch that holds something. */
  readonly #fates = new Map<string, 'lost' | 'returned'>();
  #joinedCount = 0;

  constructor(redis: TestedStore) {
    this.#redis = redis;
  }

  async join(timings: Partial<ClusterTimings> = {}): Promise<RedisBackplane> {
    const ports = this.#redis.ports ?? [this.#redis.port ?? 0];
    const proxies = new Map<number, FaultProxy>();
    for (const port of ports) proxies.set(port, await startFaultProxy(port));
    const counters = createClusterCounters();
    const backplane: RedisBackplane = new RedisBackplane({
      name: `n${++this.#joinedCount}`,
      access: { ...accessOver(proxies, this.#redis.ports), connectTimeoutMs: 1_000, commandTimeoutMs: 2_000 },
      prefix: this.prefix,
      timings: { ...TEST_TIMINGS, ...timings },
      limits: { maxBatchBytes: 262_144, maxItemsPerBatch: 4_096, maxUnacknowledgedBytes: 67_108_864 },
      counters,
      logger: silentLogger,
      interceptWire: (wire) => this.#interceptor(() => backplane.node, wire),
    });
    this.#members.set(backplane.node, { backplane, proxies, counters });
    return backplane;
  }

  countersOf(node: NodeId): ClusterCounters {
    return this.#members.get(node)!.counters;
  }

  /** Its way to the store, where that is one server. */
  proxyOf(node: NodeId): FaultProxy {
    return [...this.#members.get(node)!.proxies.values()][0]!;
  }

  async isolate(node: NodeId): Promise<void> {
    // Confirmations of what came before may be under way; lost with the connection, they would count as lost messages.
    await new Promise((resolve) => setTimeout(resolve, 3 * TEST_TIMINGS.heartbeatMs));
    await this.#cut(node);
    // Whether the others know it too is a matter of their next heartbeat.
    await this.#until(() => this.#others(node).every(({ backplane }) => backplane.gauges.nodesUnreachable > 0));
  }

  async heal(node: NodeId): Promise<void> {
    for (const proxy of this.#members.get(node)?.proxies.values() ?? []) await proxy.heal();
    await this.#until(() => this.#others(node).every(({ backplane }) => backplane.gauges.nodesUnreachable === 0));
  }

  /** Ends its lease. Resolves once one of the others has removed what it left. */
  async declareDead(node: NodeId): Promise<void> {
    await this.#redis.command('ZADD', `${this.prefix}:{nodes}:leases`, 'XX', 1, node);
    await this.#until(async () => (await this.rowCount(node)) === 0);
  }

  async kill(node: NodeId): Promise<void> {
    await this.#cut(node);
    await this.declareDead(node);
  }

  loseNext(from: NodeId, to: NodeId): void {
    this.#fates.set(`${from} ${to}`, 'lost');
  }

  returnNext(from: NodeId, to: NodeId): void {
    this.#fates.set(`${from} ${to}`, 'returned');
  }

  /** Keys, fields and members that name the node; tombstones, which are to outlive it, do not count. */
  async rowCount(node: NodeId): Promise<number> {
    let count = 0;
    for (const key of (await this.#redis.command('KEYS', `${this.prefix}:*`)) as string[]) {
      if (key.endsWith(':gone')) continue;
      if (key.includes(node)) count++;
      for (const text of await this.#contents(key)) if (text.includes(node)) count++;
    }
    return count;
  }

  async stop(): Promise<void> {
    const members = [...this.#members.values()];
    const proxies = members.flatMap((member) => [...member.proxies.values()]);
    for (const proxy of proxies) await proxy.heal();
    await Promise.all(members.map(({ backplane }) => backplane.stop()));
    for (const proxy of proxies) await proxy.stop();
  }

  async #cut(node: NodeId): Promise<void> {
    await Promise.all([...(this.#members.get(node)?.proxies.values() ?? [])].map((proxy) => proxy.cut()));
  }

  #others(node: NodeId): Member[] {
    return [...this.#members.entries()]
      .filter(([id, { backplane }]) => id !== node && backplane.gauges.isUp)
      .map(([, member]) => member);
  }

  async #contents(key: string): Promise<string[]> {
    switch (await this.#redis.command('TYPE', key)) {
      case 'hash':
        return (await this.#redis.command('HGETALL', key)) as string[];
      case 'set':
        return (await this.#redis.command('SMEMBERS', key)) as string[];
      case 'zset':
        return (await this.#redis.command('ZRANGE', key, 0, -1)) as string[];
      // The key was removed after it was listed. Reading it as a string would fail where it is there again, as a hash.
      case 'none':
        return [];
      default:
        return [String(await this.#redis.command('GET', key))];
    }
  }

  async #until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  #interceptor(from: () => NodeId, wire: Wire): Wire {
    return {
      publish: (channel, bytes) => {
        const to = [...this.#members.keys()].find((node) => channel.endsWith(`{n:${node}}:inbox`));
        const lane = `${from()} ${to ?? ''}`;
        const fate = this.#fates.get(lane);
        if (fate === undefined || to === undefined || !holdsItems(to, bytes)) return wire.publish(channel, bytes);
        this.#fates.delete(lane);
        return Promise.resolve(fate === 'lost' ? 1 : 0);
      },
    };
  }
}

function accessOver(
  proxies: ReadonlyMap<number, FaultProxy>,
  shards: readonly number[] | undefined,
): Pick<StoreAccess, 'url' | 'cluster' | 'route'> {
  const [first] = proxies.values();
  const url = first?.url ?? '';
  if (shards === undefined) return { url };
  return {
    url,
    cluster: { nodes: shards.map((port) => `127.0.0.1:${port}`) },
    route: (announced: ServerAddress): ServerAddress => {
      const proxy = 'port' in announced ? proxies.get(announced.port) : undefined;
      return proxy === undefined ? announced : { host: '127.0.0.1', port: proxy.port };
    },
  };
}

/** More than a heartbeat. */
function holdsItems(to: NodeId, bytes: Uint8Array): boolean {
  const head = new BatchReader(to).open(bytes);
  return typeof head !== 'string' && head.kind === 'batch' && head.itemCount > 0;
}
