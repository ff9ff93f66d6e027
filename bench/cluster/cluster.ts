import { setTimeout as pause } from 'node:timers/promises';
import type { Endpoint } from '../load/endpoint.js';
import { gantryRealm, startGantry, type RunningGantry } from '../routers/gantry.js';
import { readPage, sample, type Page } from './metrics-page.js';
import { startStore, type NodeStore } from './node-store.js';
import { Pipe } from './pipe.js';
import { startRedis, type RedisOptions, type RunningRedis } from './redis-server.js';

const meetTimeoutMs = 30_000;
const prefix = 'bench';

export interface ClusterOptions {
  readonly measuresMemory: boolean;
  readonly profileDirectory: string | null;
  /** Settings of the nodes. */
  readonly environment?: Readonly<Record<string, string>>;
}

export class ClusterNode {
  readonly running: RunningGantry;

  constructor(running: RunningGantry) {
    this.running = running;
  }

  get pid(): number {
    return this.running.pid;
  }

  get endpoint(): Endpoint {
    return { url: this.running.url, wire: 'wamp', realm: gantryRealm, pid: this.running.pid };
  }

  page(): Promise<Page> {
    return readPage(this.running.opsUrl);
  }
}

/** Nodes and the Redis between them, all real processes, all on the core of the routers. */
export class Cluster {
  readonly redis: RunningRedis;
  readonly #options: ClusterOptions;
  readonly #nodes: ClusterNode[] = [];
  #pipe: Promise<Pipe> | null = null;

  private constructor(redis: RunningRedis, options: ClusterOptions) {
    this.redis = redis;
    this.#options = options;
  }

  static async start(count: number, options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(await startRedis(), options);
    try {
      await cluster.grow(count);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get nodes(): readonly ClusterNode[] {
    return this.#nodes;
  }

  /** The first two. */
  get pair(): readonly [ClusterNode, ClusterNode] {
    return [this.#nodes[0]!, this.#nodes[1]!];
  }

  /** The pipe over the same Redis. */
  get pipe(): Promise<Pipe> {
    this.#pipe ??= Pipe.start(this.redis.url, this.redis.pid);
    return this.#pipe;
  }

  /** Starts what is missing to so many nodes and waits until all of them know each other. */
  async grow(count: number): Promise<void> {
    const missing = Array.from({ length: count - this.#nodes.length }, (_, index) => this.#nodes.length + index);
    const starting = await Promise.allSettled(missing.map((index) => this.#startNode(index)));
    for (const one of starting) if (one.status === 'fulfilled') this.#nodes.push(new ClusterNode(one.value));
    const failed = starting.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await this.until(
      (page) => page.get('gantry_cluster_up') === 1 && sample(page, 'gantry_cluster_nodes') === this.#nodes.length,
      'the nodes do not find each other',
    );
  }

  /** Until the pages of all nodes say so. */
  async until(isSo: (page: Page) => boolean, otherwise: string): Promise<void> {
    const deadline = performance.now() + meetTimeoutMs;
    while (!(await this.pages()).every(isSo)) {
      if (performance.now() > deadline) throw new Error(otherwise);
      await pause(50);
    }
  }

  pages(): Promise<Page[]> {
    return Promise.all(this.#nodes.map((node) => node.page()));
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    (await this.#pipe?.catch(() => null))?.stop();
    for (const { running } of this.#nodes.splice(0)) await running.stop();
    await this.redis.stop();
  }

  #startNode(index: number): Promise<RunningGantry> {
    return startGantry({
      ...this.#options,
      environment: {
        ...this.#options.environment,
        GANTRY_NODE_NAME: `node-${index + 1}`,
        GANTRY_BACKPLANE_URL: this.redis.url,
        GANTRY_BACKPLANE_REDIS_PREFIX: prefix,
      },
    });
  }
}

/** Starts clusters when a scenario first asks for one. */
export class Clusters {
  readonly #profileDirectory: string | null;
  #shared: Promise<Cluster> | null = null;
  #redisVersion: string | null = null;

  constructor(profileDirectory: string | null) {
    this.#profileDirectory = profileDirectory;
  }

  /** Two nodes, or more once it has been grown; kept from one scenario to the next. */
  shared(): Promise<Cluster> {
    this.#shared ??= this.#start({ measuresMemory: false, profileDirectory: this.#profileDirectory });
    return this.#shared;
  }

  /** Hands two new nodes to `work` and stops them whatever happens. */
  async withFresh<T>(
    measuresMemory: boolean,
    work: (cluster: Cluster) => Promise<T>,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const cluster = await this.#start({ measuresMemory, profileDirectory: this.#profileDirectory, environment });
    try {
      return await work(cluster);
    } finally {
      await cluster.stop();
    }
  }

  /** Hands a Redis without nodes to `work` and stops it whatever happens. */
  async withRedis<T>(options: RedisOptions, work: (redis: RunningRedis) => Promise<T>): Promise<T> {
    const redis = await startRedis(options);
    this.#redisVersion = redis.version;
    try {
      return await work(redis);
    } finally {
      await redis.stop();
    }
  }

  /** Hands a store without nodes to `work` and stops it whatever happens: one Redis, or a Redis Cluster of so many primaries. */
  async withStore<T>(primaryCount: number, work: (store: NodeStore) => Promise<T>): Promise<T> {
    const store = await startStore(primaryCount);
    this.#redisVersion = store.servers[0]!.version;
    try {
      return await work(store);
    } finally {
      await store.stop();
    }
  }

  /** Version of the Redis server that was started last; null: none was. */
  get redisVersion(): string | null {
    return this.#redisVersion;
  }

  async stop(): Promise<void> {
    const shared = await this.#shared?.catch(() => null);
    await shared?.stop();
  }

  async #start(options: ClusterOptions): Promise<Cluster> {
    const cluster = await Cluster.start(2, options);
    this.#redisVersion = cluster.redis.version;
    return cluster;
  }
}
