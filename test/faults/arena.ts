import { ClusterScene, type ClusterOptions } from '../cluster/harness/cluster-scene.js';
import type { Router } from '../cluster/harness/router.js';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
import { RedisShards, startShards } from '../support/redis-shards.js';
import { startRedis, type RedisServer } from '../support/redis.js';
import { Cast } from './cast.js';
import type { Schedule } from './schedule.js';
import { ReplicatedStore } from './store.js';

const EVERYTHING = { call: true, register: true, publish: true, subscribe: true };
const ROLES = [{ name: 'anonymous', permissions: [{ uri: '', match: 'prefix', allow: EVERYTHING }] }];
const REALMS = [{ name: 'realm1', allowForceReregister: true, roles: ROLES }];
/** For faults that need a realm that no node has served yet. */
const TEMPLATE = { names: [{ uri: 'new.', match: 'prefix' }], roles: ROLES, idleMs: 1_000 };

export type Variables = Readonly<Record<string, string>>;

interface Proxied {
  readonly store: RedisServer;
  readonly proxies: readonly FaultProxy[];
}

/** What the nodes share: one server with a proxy before it for each place, a master and its replica, or a Redis Cluster. */
type Stores = Proxied | ReplicatedStore | RedisShards;

/** One cluster with its store, and all its clients. */
export class Arena {
  readonly scene: ClusterScene<Cast>;
  readonly nodeCount: number;
  readonly #stores: Stores;
  #newRealmCount = 0;

  private constructor(schedule: Schedule, stores: Stores, variables: Variables) {
    const { nodeCount, seed, round } = schedule;
    this.nodeCount = nodeCount;
    this.#stores = stores;
    this.scene = new ClusterScene(
      storeOf(stores),
      {
        routerCount: nodeCount,
        timings: 'default',
        variables: {
          GANTRY_REALMS: JSON.stringify(REALMS),
          GANTRY_REALM_TEMPLATE: JSON.stringify(TEMPLATE),
          ...variables,
        },
        ...waysTo(stores),
      },
      (journal, entrance) => new Cast({ nodeCount, seed: seed ^ (round << 8) }, journal, entrance),
    );
  }

  /** `variables`: of the environment of each router. */
  static async open(schedule: Schedule, variables: Variables = {}): Promise<Arena> {
    const stores = await storesFor(schedule);
    const arena = new Arena(schedule, stores, variables);
    try {
      await arena.scene.start();
    } catch (error) {
      await arena.close();
      throw error;
    }
    return arena;
  }

  /** The one server that has all rows. */
  get store(): RedisServer {
    const { redis } = this.scene;
    if (redis === undefined) throw new Error('there are several servers in this round');
    return redis;
  }

  /** Every server that runs, replicas included. */
  get servers(): readonly RedisServer[] {
    return 'store' in this.#stores ? [this.#stores.store] : this.#stores.servers;
  }

  /** The servers that have the rows. */
  async primaries(): Promise<readonly RedisServer[]> {
    return this.#stores instanceof RedisShards ? this.#stores.primaries() : [this.store];
  }

  get isSharded(): boolean {
    return this.#stores instanceof RedisShards;
  }

  get shards(): RedisShards {
    if (this.#stores instanceof RedisShards) return this.#stores;
    throw new Error('there is no Redis Cluster in this round');
  }

  get replicated(): ReplicatedStore {
    if (this.#stores instanceof ReplicatedStore) return this.#stores;
    throw new Error('there is no replica in this round');
  }

  /** One that no node has served yet. */
  newRealm(): string {
    return `new.realm${++this.#newRealmCount}`;
  }

  /** Realms that nodes may serve. */
  get realmCount(): number {
    return REALMS.length + this.#newRealmCount;
  }

  router(place: number): Router {
    return this.scene.router(place);
  }

  proxy(place: number): FaultProxy {
    if (!('proxies' in this.#stores)) throw new Error('there are no proxies in this round');
    return this.#stores.proxies[place]!;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.scene.kill();
    if (!('proxies' in this.#stores)) {
      await this.#stores.stop();
      return;
    }
    await Promise.all(this.#stores.proxies.map((proxy) => proxy.stop()));
    await this.#stores.store.stop();
  }
}

function storesFor(schedule: Schedule): Promise<Stores> {
  if (schedule.isSharded === true) return startShards({ hasReplicas: true });
  return schedule.isReplicated === true ? ReplicatedStore.start() : proxied(schedule);
}

function storeOf(stores: Stores): RedisServer | undefined {
  if (stores instanceof RedisShards) return undefined;
  return stores instanceof ReplicatedStore ? stores.master : stores.store;
}

/** How the nodes reach what they share. */
function waysTo(stores: Stores): Pick<ClusterOptions, 'settings' | 'storeFor' | 'shards'> {
  if (stores instanceof RedisShards) return { shards: stores };
  if (stores instanceof ReplicatedStore) return { settings: stores.settings, storeFor: () => 'redis://sentinels' };
  return { storeFor: (index) => stores.proxies[index]!.url };
}

/** One place more than there are nodes: for one that joins. */
async function proxied({ nodeCount }: Schedule): Promise<Stores> {
  const store = await startRedis();
  const proxies = await Promise.all(Array.from({ length: nodeCount + 1 }, () => startFaultProxy(store.port)));
  return { store, proxies };
}
