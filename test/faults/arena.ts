import { ClusterScene } from '../cluster/harness/cluster-scene.js';
import type { Router } from '../cluster/harness/router.js';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
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

/** What the nodes share: one server with a proxy before it for each place, or a master and its replica. */
type Stores = { readonly store: RedisServer; readonly proxies: readonly FaultProxy[] } | ReplicatedStore;

/** One cluster with its store, and all its clients. */
export class Arena {
  readonly scene: ClusterScene<Cast>;
  readonly nodeCount: number;
  readonly #stores: Stores;
  #newRealmCount = 0;

  private constructor(schedule: Schedule, stores: Stores, variables: Variables) {
    const { nodeCount, seed, round } = schedule;
    const isReplicated = stores instanceof ReplicatedStore;
    this.nodeCount = nodeCount;
    this.#stores = stores;
    this.scene = new ClusterScene(
      isReplicated ? stores.master : stores.store,
      {
        routerCount: nodeCount,
        timings: 'default',
        variables: {
          GANTRY_REALMS: JSON.stringify(REALMS),
          GANTRY_REALM_TEMPLATE: JSON.stringify(TEMPLATE),
          ...variables,
        },
        settings: isReplicated ? stores.settings : [],
        storeFor: (index) => (isReplicated ? 'redis://sentinels' : stores.proxies[index]!.url),
      },
      (journal, entrance) => new Cast({ nodeCount, seed: seed ^ (round << 8) }, journal, entrance),
    );
  }

  /** `variables`: of the environment of each router. */
  static async open(schedule: Schedule, variables: Variables = {}): Promise<Arena> {
    const stores = schedule.isReplicated === true ? await ReplicatedStore.start() : await proxied(schedule);
    const arena = new Arena(schedule, stores, variables);
    try {
      await arena.scene.start();
    } catch (error) {
      await arena.close();
      throw error;
    }
    return arena;
  }

  get store(): RedisServer {
    return this.scene.redis!;
  }

  /** Every server that runs, a replica included. */
  get servers(): readonly RedisServer[] {
    return this.#stores instanceof ReplicatedStore ? this.#stores.servers : [this.#stores.store];
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
    if (this.#stores instanceof ReplicatedStore) throw new Error('there are no proxies in this round');
    return this.#stores.proxies[place]!;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.scene.kill();
    if (this.#stores instanceof ReplicatedStore) {
      await this.#stores.stop();
      return;
    }
    await Promise.all(this.#stores.proxies.map((proxy) => proxy.stop()));
    await this.#stores.store.stop();
  }
}

/** One place more than there are nodes: for one that joins. */
async function proxied({ nodeCount }: Schedule): Promise<Stores> {
  const store = await startRedis();
  const proxies = await Promise.all(Array.from({ length: nodeCount + 1 }, () => startFaultProxy(store.port)));
  return { store, proxies };
}
