import { ClusterScene } from '../cluster/harness/cluster-scene.js';
import type { Router } from '../cluster/harness/router.js';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
import { startRedis, type RedisServer } from '../support/redis.js';
import { Cast } from './cast.js';
import type { Schedule } from './schedule.js';
import { ReplicatedStore } from './store.js';

const EVERYTHING = { call: true, register: true, publish: true, subscribe: true };
const REALMS = [
  {
    name: 'realm1',
    allowForceReregister: true,
    roles: [{ name: 'anonymous', permissions: [{ uri: '', match: 'prefix', allow: EVERYTHING }] }],
  },
];

/** What the nodes share: one server with a proxy before it for each place, or a master and its replica. */
type Stores = { readonly store: RedisServer; readonly proxies: readonly FaultProxy[] } | ReplicatedStore;

/** One cluster with its store, and everybody who talks to it. */
export class Arena {
  readonly scene: ClusterScene<Cast>;
  readonly nodeCount: number;
  readonly #stores: Stores;

  private constructor(schedule: Schedule, stores: Stores) {
    const { nodeCount, seed, round } = schedule;
    const isReplicated = stores instanceof ReplicatedStore;
    this.nodeCount = nodeCount;
    this.#stores = stores;
    this.scene = new ClusterScene(
      isReplicated ? stores.master : stores.store,
      {
        routerCount: nodeCount,
        timings: 'default',
        variables: { GANTRY_REALMS: JSON.stringify(REALMS) },
        settings: isReplicated ? stores.settings : [],
        storeFor: (index) => (isReplicated ? 'redis://sentinels' : stores.proxies[index]!.url),
      },
      (journal, entrance) => new Cast({ nodeCount, seed: seed ^ (round << 8) }, journal, entrance),
    );
  }

  static async open(schedule: Schedule): Promise<Arena> {
    const arena = new Arena(schedule, schedule.isReplicated ? await ReplicatedStore.start() : await proxied(schedule));
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

  get replicated(): ReplicatedStore {
    if (this.#stores instanceof ReplicatedStore) return this.#stores;
    throw new Error('there is no replica in this round');
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
