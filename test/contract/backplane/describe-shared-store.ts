import { afterAll, beforeAll, describe, onTestFinished } from 'vitest';
import type { Backplane } from '../../../src/backplane/backplane.js';
import { createKeys, type Keys } from '../../../src/backplane/redis/keys.js';
import type { Store } from '../../../src/backplane/redis/ports.js';
import { createClusterCounters, type ClusterCounters } from '../../../src/telemetry/cluster-counters.js';
import type { NodeId } from '../../../src/wamp/ids.js';
import { FaultyHub } from '../../support/memory-faults.js';
import { RedisCluster, type TestedStore } from '../../support/redis-cluster.js';
import { startShards, type RedisShards } from '../../support/redis-shards.js';
import { startRedis, type RedisOptions, type RedisServer } from '../../support/redis.js';
import { NodeUnderTest } from './node-under-test.js';
import { REALM } from './samples.js';

/** A store that nodes share, as two nodes see it. */
export interface StoreScene<Shared> {
  readonly one: Shared;
  readonly two: Shared;
}

type Nodes = readonly [Backplane, Backplane];

/** Makes a new hub with two nodes. */
export type MemoryJoin = () => Promise<{ readonly hub: FaultyHub; readonly nodes: Nodes }>;

export interface RedisOfStore {
  readonly server: RedisServer;
  /** A new cluster of two nodes. */
  join(): Promise<{ readonly cluster: RedisCluster; readonly nodes: Nodes }>;
}

export interface PlainStoreOptions {
  readonly store: Store;
  readonly keys: Keys;
  readonly counters: ClusterCounters;
}

export interface SharedStoreCases<Shared> {
  /** Cases that hold for every implementation. */
  readonly contract: (name: string, makeScene: () => Promise<StoreScene<Shared>>) => void;
  readonly storeOf: (node: Backplane) => Shared;
  /** The store in Redis without a node. */
  readonly plain: (options: PlainStoreOptions) => Shared;
  /** Cases of the memory twin alone. */
  readonly inMemory: (join: MemoryJoin) => void;
  /** Cases of Redis alone. */
  readonly inRedis: (redis: RedisOfStore) => void;
}

/** Describes a store in memory, in Redis, in Redis in cluster mode, and in a Redis Cluster. */
export function describeSharedStore<Shared>(cases: SharedStoreCases<Shared>): void {
  const { contract, storeOf, plain } = cases;
  const sceneOf = ({ nodes: [one, two] }: { readonly nodes: Nodes }): StoreScene<Shared> => ({
    one: storeOf(one),
    two: storeOf(two),
  });

  describe('in memory', () => {
    contract('memory', async () => sceneOf(await joinHub()));
    cases.inMemory(joinHub);
  });

  describe('in Redis', () => {
    const redis = serverOfSuite();
    contract('two nodes over a server', async () => sceneOf(await redis.join()));
    cases.inRedis(redis);
  });

  describe('in Redis in cluster mode', () => {
    const redis = serverOfSuite({ args: ['--cluster-enabled', 'yes'] }, async (server) => {
      await server.command('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
      while (!String(await server.command('CLUSTER', 'INFO')).includes('cluster_state:ok'));
    });
    contract('a server that refuses keys of another slot', async () => {
      await redis.server.flushAll();
      const store = redis.server.plainStore({ oneSlot: true });
      const keys = createKeys({ prefix: 'gantry', database: 0 });
      const shared = plain({ store, keys, counters: createClusterCounters() });
      return { one: shared, two: shared };
    });
  });

  describe('in a Redis Cluster', () => {
    let shards: RedisShards;
    beforeAll(async () => {
      shards = await startShards();
    });
    afterAll(() => shards.stop());
    contract('two nodes over three primaries', async () => sceneOf(await joinRedis(shards)));
  });
}

/** Polls: a store does not notify when the time of something is over. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function joinHub(): Promise<{ readonly hub: FaultyHub; readonly nodes: Nodes }> {
  const hub = new FaultyHub();
  const nodes = [hub.join('one' as NodeId), hub.join('two' as NodeId)] as const;
  await startAll(nodes);
  return { hub, nodes };
}

/** A server for the suite that is being described. */
function serverOfSuite(options?: RedisOptions, prepare?: (server: RedisServer) => Promise<void>): RedisOfStore {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis(options);
    await prepare?.(server);
  });
  afterAll(() => server.stop());
  return {
    get server() {
      return server;
    },
    join: () => joinRedis(server),
  };
}

async function joinRedis(store: TestedStore): Promise<{ readonly cluster: RedisCluster; readonly nodes: Nodes }> {
  const cluster = new RedisCluster(store);
  onTestFinished(() => cluster.stop());
  const nodes = [await cluster.join(), await cluster.join()] as const;
  await startAll(nodes);
  return { cluster, nodes };
}

async function startAll(nodes: Nodes): Promise<void> {
  for (const node of nodes) await new NodeUnderTest(node).start(REALM);
}
