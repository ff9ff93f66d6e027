import { afterEach } from 'vitest';
import type { Backplane } from '../../src/backplane/backplane.js';
import type { Scheduler } from '../../src/backplane/memory/lane.js';
import { MemoryHub } from '../../src/backplane/memory/hub.js';
import type { ConfigInput } from '../../src/config/schema.js';
import { parseConfig } from '../../src/config/load.js';
import { startNode, type RunningNode } from '../../src/node/node.js';
import { silentLogger, type Logger } from '../../src/telemetry/logger.js';
import type { NodeId } from '../../src/wamp/ids.js';
import { randomPrefix, sharedRedis, type SharedRedis } from './redis.js';
import { startShards, type RedisShards } from './redis-shards.js';

/** Nodes of one cluster in this process, each with its own listeners on free ports. */
export interface TestCluster {
  readonly nodes: readonly RunningNode[];
  /** The address of node `index`, counted round: session k of a test goes to node k mod n. */
  url(index: number): string;
  stop(): Promise<void>;
}

let joinedCount = 0;

/** Starts `nodeCount` nodes on one in-process hub. `schedule`: how the messages between them travel. */
export async function startCluster(
  nodeCount: number,
  config: ConfigInput = {},
  schedule?: Scheduler,
  logger: Logger = silentLogger,
): Promise<TestCluster> {
  const hub = new MemoryHub(schedule === undefined ? {} : { schedule });
  const nodes: RunningNode[] = [];
  for (let index = 0; index < nodeCount; index++) {
    const backplane = (): Backplane => hub.join(`n${++joinedCount}` as NodeId);
    nodes.push(await startNode(testConfig(config), { logger, backplane }));
  }
  return clusterOf(nodes);
}

/** Starts `nodeCount` nodes over a Redis that others may use too. */
export async function startRedisCluster(nodeCount: number, config: ConfigInput = {}): Promise<TestCluster> {
  const redis = await sharedRedis();
  return startOver(redis, { prefix: redis.prefix }, nodeCount, config);
}

let shardsOfFile: Promise<RedisShards> | undefined;

/** Starts `nodeCount` nodes over a Redis Cluster, which all tests of a file use: end it with `stopShards`. */
export async function startShardedCluster(nodeCount: number, config: ConfigInput = {}): Promise<TestCluster> {
  const { url, nodes } = await (shardsOfFile ??= startShards());
  const store = { url, stop: () => Promise.resolve() };
  return startOver(store, { prefix: randomPrefix(), cluster: { nodes: [...nodes] } }, nodeCount, config);
}

/** To be called when a file ends. Idempotent. */
export async function stopShards(): Promise<void> {
  const shards = shardsOfFile;
  shardsOfFile = undefined;
  await (await shards)?.stop();
}

async function startOver(
  redis: Pick<SharedRedis, 'url' | 'stop'>,
  settings: NonNullable<ConfigInput['backplane']>['redis'],
  nodeCount: number,
  config: ConfigInput,
): Promise<TestCluster> {
  const backplane = { ...config.backplane, url: redis.url, redis: settings };
  const nodes: RunningNode[] = [];
  try {
    for (let index = 0; index < nodeCount; index++)
      nodes.push(await startNode(testConfig({ ...config, backplane }), { logger: silentLogger }));
  } catch (error) {
    await redis.stop();
    throw error;
  }
  return clusterOf(nodes, () => redis.stop());
}

function clusterOf(nodes: readonly RunningNode[], stop?: () => Promise<void>): TestCluster {
  return {
    nodes,
    url: (index) => nodes[index % nodes.length]!.addresses.ws,
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
      await stop?.();
    },
  };
}

function testConfig(config: ConfigInput) {
  return parseConfig({
    ...config,
    listen: { ...config.listen, port: 0 },
    ops: { enabled: false, ...config.ops, port: 0 },
    demo: { enabled: false, ...config.demo },
  });
}

/** Runs the clean-ups of one test in reverse order, whatever became of it. */
export function cleanups(): (action: () => unknown) => void {
  const actions: (() => unknown)[] = [];
  afterEach(async () => {
    for (const action of actions.splice(0).reverse()) await action();
  });
  return (action) => actions.push(action);
}
