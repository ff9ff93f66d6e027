import { setTimeout } from 'node:timers/promises';
import { busPortOf, idOf, isUsable, joinServers, knownCount } from '../../deploy/local/redis-cluster.mjs';
import { slotOf } from '../../src/backplane/redis/connection/slots.js';
import { startPeer, type RedisServer } from './redis.js';

const PRIMARY_COUNT = 3;
/** Milliseconds without an answer after which the others find a server dead. */
const NODE_TIMEOUT_MS = 1_000;
/** A primary that has lost its last slot remains a primary. */
const LASTING = ['--cluster-allow-replica-migration', 'no'];
const PEER_ARGS = ['--cluster-enabled', 'yes', '--cluster-node-timeout', `${NODE_TIMEOUT_MS}`, ...LASTING];

/** A Redis Cluster of three primaries, each with a replica where a test wants one. End it with `stop`. */
export async function startShards({ hasReplicas = false } = {}): Promise<RedisShards> {
  const count = hasReplicas ? 2 * PRIMARY_COUNT : PRIMARY_COUNT;
  const servers = await Promise.all(Array.from({ length: count }, () => startPeer(PEER_ARGS)));
  const shards = new RedisShards(servers);
  await shards.join();
  return shards;
}

export class RedisShards {
  readonly #servers: RedisServer[];

  constructor(servers: readonly RedisServer[]) {
    this.#servers = [...servers];
  }

  /** The first three were primaries at first. */
  get servers(): readonly RedisServer[] {
    return this.#servers;
  }

  get ports(): readonly number[] {
    return this.servers.map(({ port }) => port);
  }

  /** Where a node may begin, as `backplane.redis.cluster.nodes` has it. */
  get nodes(): readonly string[] {
    return this.ports.map((port) => `127.0.0.1:${port}`);
  }

  /** For the scheme: the address counts for nothing. */
  get url(): string {
    return this.#servers[0]?.url ?? '';
  }

  /** Makes one cluster of the servers. */
  async join(): Promise<void> {
    await joinServers(this.servers, PRIMARY_COUNT);
  }

  /** The server that owns the slot of the key or channel. */
  async ownerOf(key: string): Promise<RedisServer> {
    const slot = slotOf(key);
    for (const server of this.servers) {
      const reply = await server.command('CLUSTER', 'SLOTS').catch(() => []);
      for (const [first, last, [, port]] of reply as [number, number, [string, number]][]) {
        const owner = this.servers.find((one) => one.port === port);
        if (first <= slot && slot <= last && owner !== undefined) return owner;
      }
    }
    throw new Error(`no server owns slot ${slot}`);
  }

  /** At the server that owns the slot of the key, or at each for KEYS. */
  async command(name: string, key: string, ...words: readonly (string | number)[]): Promise<unknown> {
    if (name !== 'KEYS') return (await this.ownerOf(key)).command(name, key, ...words);
    const primaries = await this.primaries();
    return (await Promise.all(primaries.map((server) => server.command('KEYS', key)))).flat();
  }

  async primaries(): Promise<readonly RedisServer[]> {
    const roles = await Promise.all(this.servers.map((server) => server.command('ROLE').catch(() => ['gone'])));
    return this.servers.filter((_, at) => (roles[at] as string[])[0] === 'master');
  }

  /** Moves the slot of the key, with its keys, to another primary, and returns that. */
  async move(key: string): Promise<RedisServer> {
    const from = await this.ownerOf(key);
    const to = (await this.primaries()).find((server) => server !== from) as RedisServer;
    await this.moveSlots([slotOf(key)], from, to);
    return to;
  }

  /** Moves slots with their keys, one after the other, while clients use them. */
  async moveSlots(slots: Iterable<number>, from: RedisServer, to: RedisServer): Promise<void> {
    const [fromId, toId] = await Promise.all([idOf(from), idOf(to)]);
    const primaries = await this.primaries();
    for (const slot of slots) {
      await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
      await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
      for (;;) {
        const keys = (await from.command('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[];
        if (keys.length === 0) break;
        await from.command('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys);
      }
      for (const server of [to, from, ...primaries]) await server.command('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
    }
  }

  /** The slots of a primary, in order. */
  async slotsOf(server: RedisServer): Promise<number[]> {
    const reply = (await server.command('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
    return reply
      .filter(([, , [, port]]) => port === server.port)
      .flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => first + at));
  }

  /** The slots of a primary that hold keys. */
  async usedSlotsOf(server: RedisServer): Promise<number[]> {
    const keys = (await server.command('KEYS', '*')) as string[];
    return [...new Set(keys.map(slotOf))];
  }

  /** `CLUSTER FAILOVER`: the replica of the primary takes over, and the primary becomes its replica. */
  async failOver(primary: RedisServer): Promise<RedisServer> {
    const replica = await this.#replicaOf(primary);
    await replica.command('CLUSTER', 'FAILOVER');
    await this.#becomes(replica, 'master');
    await this.#becomes(primary, 'slave');
    return replica;
  }

  /** Ends a primary at once; resolves to the replica that took over. What was not replicated is lost. */
  async killPrimary(primary: RedisServer): Promise<RedisServer> {
    const replica = await this.#replicaOf(primary);
    await primary.kill();
    await this.#becomes(replica, 'master');
    return replica;
  }

  /** One more primary, without slots. */
  async addPrimary(): Promise<RedisServer> {
    const [first] = this.#servers as [RedisServer];
    const added = await startPeer(PEER_ARGS);
    this.#servers.push(added);
    await added.command('CLUSTER', 'MEET', '127.0.0.1', first.port, await busPortOf(first));
    await this.#until(async (server) => (await knownCount(server)) === this.#servers.length);
    await this.#until(isUsable);
    return added;
  }

  /** Ends a primary without slots, which the others forget. */
  async removePrimary(server: RedisServer): Promise<void> {
    const id = await idOf(server);
    this.#servers.splice(this.#servers.indexOf(server), 1);
    for (const other of this.#servers) await other.command('CLUSTER', 'FORGET', id);
    await server.stop();
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }

  async #replicaOf(primary: RedisServer): Promise<RedisServer> {
    const lines = (await primary.command('CLUSTER', 'REPLICAS', await idOf(primary))) as string[];
    const replica = this.#servers.find(({ port }) => lines.some((line) => line.includes(`:${port}@`)));
    if (replica === undefined) throw new Error(`the primary at port ${primary.port} has no replica`);
    return replica;
  }

  async #becomes(server: RedisServer, role: 'master' | 'slave'): Promise<void> {
    while (((await server.command('ROLE')) as string[])[0] !== role) await setTimeout(20);
  }

  async #until(isSo: (server: RedisServer) => Promise<boolean>): Promise<void> {
    for (const server of this.servers) while (!(await isSo(server))) await setTimeout(20);
  }
}
