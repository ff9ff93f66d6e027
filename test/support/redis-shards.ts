import { setTimeout } from 'node:timers/promises';
import { busPortOf, idOf, isUsable, joinServers, knownCount } from '../../deploy/local/redis-cluster.mjs';
import { slotOf } from '../../src/backplane/redis/connection/slots.js';
import { selfSigned } from './certificate.js';
import { freePort } from './free-port.js';
import { serverVersion } from './redis-hosts.js';
import { startPeer, type RedisServer } from './redis.js';

const PRIMARY_COUNT = 3;
/** Milliseconds without an answer after which the others find a server dead. */
const NODE_TIMEOUT_MS = 1_000;
/** A primary that has lost its last slot remains a primary. */
const LASTING = ['--cluster-allow-replica-migration', 'no'];
const PEER_ARGS = ['--cluster-enabled', 'yes', '--cluster-node-timeout', `${NODE_TIMEOUT_MS}`, ...LASTING];

/** With MIGRATE, or as one step of the servers among themselves: CLUSTER MIGRATESLOTS. */
export type SlotMove = 'key by key' | 'at once';

/** How the servers that tests start can move slots. */
export function slotMoves(): readonly SlotMove[] {
  const { name, major } = serverVersion();
  return name === 'Valkey' && major >= 9 ? ['key by key', 'at once'] : ['key by key'];
}

export interface ShardsOptions {
  /** One for each primary. */
  readonly hasReplicas?: boolean;
  /** Nodes, replicas and the servers among themselves use TLS; `command` of a server does not. */
  readonly hasTls?: boolean;
  /** The servers announce `localhost` and no address. */
  readonly hasNames?: boolean;
}

/** Files that TLS needs, in the folder of each server. */
const TLS_FILES = ['cert-file', 'key-file', 'ca-cert-file'] as const;
const NAMED = ['--cluster-announce-hostname', 'localhost', '--cluster-preferred-endpoint-type', 'hostname'];

/** A Redis Cluster of three primaries. End it with `stop`. */
export async function startShards(options: ShardsOptions = {}): Promise<RedisShards> {
  const count = options.hasReplicas === true ? 2 * PRIMARY_COUNT : PRIMARY_COUNT;
  const { cert, key } = selfSigned();
  const tlsPorts = new Map<RedisServer, number>();
  const start = async (): Promise<RedisServer> => {
    const names = options.hasNames === true ? NAMED : [];
    if (options.hasTls !== true) return startPeer([...PEER_ARGS, ...names]);
    const tlsPort = await freePort();
    const files = TLS_FILES.flatMap((file) => [
      `--tls-${file}`,
      `{folder}/${file === 'key-file' ? 'key' : 'cert'}.pem`,
    ]);
    const tls = ['--tls-port', `${tlsPort}`, ...files, '--tls-auth-clients', 'optional'];
    const args = [...PEER_ARGS, ...names, ...tls, '--tls-cluster', 'yes', '--tls-replication', 'yes'];
    const server = await startPeer(args, { ports: [tlsPort], files: { 'cert.pem': cert, 'key.pem': key } });
    tlsPorts.set(server, tlsPort);
    return server;
  };
  const shards = new RedisShards(await Promise.all(Array.from({ length: count }, start)), tlsPorts);
  await shards.join();
  return shards;
}

export class RedisShards {
  readonly #servers: RedisServer[];
  readonly #tlsPorts: ReadonlyMap<RedisServer, number>;

  constructor(servers: readonly RedisServer[], tlsPorts: ReadonlyMap<RedisServer, number> = new Map()) {
    this.#servers = [...servers];
    this.#tlsPorts = tlsPorts;
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
    return this.servers.map((server) => `127.0.0.1:${this.#portOf(server)}`);
  }

  /** For the scheme: the address counts for nothing. */
  get url(): string {
    const { url = '' } = this.#servers[0] ?? {};
    return this.#tlsPorts.size > 0 ? url.replace('redis:', 'rediss:') : url;
  }

  /** The certificate that vouches for the servers, with TLS. */
  get caFile(): string {
    return `${this.#servers[0]?.folder ?? ''}/cert.pem`;
  }

  /** Makes one cluster of the servers. */
  async join(): Promise<void> {
    const reached = this.servers.map((server) => ({
      port: this.#portOf(server),
      command: (name: string, ...words: readonly (string | number)[]) => server.command(name, ...words),
    }));
    await joinServers(reached, PRIMARY_COUNT);
    await this.becomeWhole();
  }

  /** Resolves when each server knows that the cluster works, and each replica follows its primary. */
  async becomeWhole(): Promise<void> {
    await this.#until(isUsable);
    await this.#until(async (server) => !String(await server.command('INFO')).includes('master_link_status:down'));
    await this.#until(async (server) => (await ownersKnownTo(server)).length === (await this.primaries()).length);
  }

  /** Resolves when a replica has taken over from the primary, which may stand still. */
  async replaced(primary: RedisServer): Promise<void> {
    const others = this.#servers.filter((server) => server !== primary);
    for (const server of others) while ((await ownersKnownTo(server)).includes(primary.port)) await setTimeout(20);
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

  /** At each server. */
  async everywhere(name: string, ...words: readonly (string | number)[]): Promise<readonly unknown[]> {
    return Promise.all(this.servers.map((server) => server.command(name, ...words)));
  }

  async primaries(): Promise<readonly RedisServer[]> {
    const roles = await Promise.all(this.servers.map((server) => server.command('ROLE').catch(() => ['gone'])));
    return this.servers.filter((_, at) => (roles[at] as string[])[0] === 'master');
  }

  /** Moves the slot of the key, with its keys, to another primary, and returns that. */
  async move(key: string, way?: SlotMove): Promise<RedisServer> {
    const from = await this.ownerOf(key);
    const to = (await this.primaries()).find((server) => server !== from) as RedisServer;
    await this.moveSlots([slotOf(key)], from, to, way);
    return to;
  }

  /** Moves slots with their keys while clients use them: one slot after the other, or all at once. */
  async moveSlots(
    slots: Iterable<number>,
    from: RedisServer,
    to: RedisServer,
    way: SlotMove = 'key by key',
  ): Promise<void> {
    if (way === 'at once') return this.#moveAtOnce([...slots], from, to);
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

  async #moveAtOnce(slots: readonly number[], from: RedisServer, to: RedisServer): Promise<void> {
    if (slots.length === 0) return;
    const ranges = slots.flatMap((slot) => [slot, slot]);
    await from.command('CLUSTER', 'MIGRATESLOTS', 'SLOTSRANGE', ...ranges, 'NODE', await idOf(to));
    for (;;) {
      // The newest is the first, a list of names and values.
      const [fields = []] = (await from.command('CLUSTER', 'GETSLOTMIGRATIONS')) as string[][];
      const [state, message] = ['state', 'message'].map((name) => fields[fields.indexOf(name) + 1]);
      if (state === 'success') break;
      if (state === 'failed' || state === 'canceled') throw new Error(`the slots did not move: ${message}`);
      await setTimeout(5);
    }
    const slot = slots[0] as number;
    for (const server of await this.primaries())
      while ((await ownerKnownTo(server, slot)) !== to.port) await setTimeout(5);
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

  /** Where nodes reach it. */
  #portOf(server: RedisServer): number {
    return this.#tlsPorts.get(server) ?? server.port;
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

/** The ports of the servers that own slots, as this one knows them. */
async function ownersKnownTo(server: RedisServer): Promise<readonly number[]> {
  const reply = (await server.command('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
  return [...new Set(reply.map(([, , [, port]]) => port))];
}

/** The port of the server that owns the slot, as this one knows it. */
async function ownerKnownTo(server: RedisServer, slot: number): Promise<number | undefined> {
  const reply = (await server.command('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
  return reply.find(([first, last]) => first <= slot && slot <= last)?.[2][1];
}
