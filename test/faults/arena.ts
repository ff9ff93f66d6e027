import { ClusterScene } from '../cluster/harness/cluster-scene.js';
import type { Router } from '../cluster/harness/router.js';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
import { startRedis, type RedisServer } from '../support/redis.js';
import { Cast } from './cast.js';
import type { Schedule } from './schedule.js';

const EVERYTHING = { call: true, register: true, publish: true, subscribe: true };
const REALMS = [
  {
    name: 'realm1',
    allowForceReregister: true,
    roles: [{ name: 'anonymous', permissions: [{ uri: '', match: 'prefix', allow: EVERYTHING }] }],
  },
];

/** One cluster with its store, a proxy before the store for each place, and everybody who talks to it. */
export class Arena {
  readonly store: RedisServer;
  readonly scene: ClusterScene<Cast>;
  readonly nodeCount: number;
  readonly #proxies: readonly FaultProxy[];

  private constructor(schedule: Schedule, store: RedisServer, proxies: readonly FaultProxy[]) {
    const { nodeCount, seed, round } = schedule;
    this.store = store;
    this.nodeCount = nodeCount;
    this.#proxies = proxies;
    this.scene = new ClusterScene(
      store,
      {
        routerCount: nodeCount,
        timings: 'default',
        variables: { GANTRY_REALMS: JSON.stringify(REALMS) },
        storeFor: (index) => proxies[index]!.url,
      },
      (journal, entrance) => new Cast({ nodeCount, seed: seed ^ (round << 8) }, journal, entrance),
    );
  }

  /** One place more than there are nodes: for one that joins. */
  static async open(schedule: Schedule): Promise<Arena> {
    const store = await startRedis();
    const proxies = await Promise.all(
      Array.from({ length: schedule.nodeCount + 1 }, () => startFaultProxy(store.port)),
    );
    const arena = new Arena(schedule, store, proxies);
    try {
      await arena.scene.start();
    } catch (error) {
      await arena.close();
      throw error;
    }
    return arena;
  }

  router(place: number): Router {
    return this.scene.router(place);
  }

  proxy(place: number): FaultProxy {
    return this.#proxies[place]!;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.scene.kill();
    await Promise.all(this.#proxies.map((proxy) => proxy.stop()));
    await this.store.stop();
  }
}
