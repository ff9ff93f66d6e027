import { onTestFailed, onTestFinished } from 'vitest';
import { startRedis, type RedisOptions, type RedisServer } from '../../support/redis.js';
import { ClusterScene, type ClusterOptions } from './cluster-scene.js';
import { Workload, type WorkloadOptions } from './workload.js';

export interface SceneOptions extends ClusterOptions, Omit<WorkloadOptions, 'nodeCount'> {}

/** A cluster under the workload of this folder. */
export type Scene = ClusterScene<Workload>;

/** Starts routers on a store, everybody joins, everything has been seen to work, and the load runs. Ends with the test. */
export async function startScene(redis: RedisServer | undefined, options: SceneOptions = {}): Promise<Scene> {
  const { routerCount: nodeCount = 3, publicationsPerSecond, callsPerSecond, apps } = options;
  const given = { publicationsPerSecond, callsPerSecond, apps };
  const load = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const scene = new ClusterScene(
    redis,
    options,
    (journal, entrance) => new Workload({ nodeCount, ...load }, journal, entrance),
  );
  onTestFailed(() => scene.report());
  onTestFinished(() => scene.kill());
  await scene.start();
  return scene;
}

/** A store of one's own, for as long as the test runs. */
export async function ownRedis(options?: RedisOptions): Promise<RedisServer> {
  const redis = await startRedis(options);
  onTestFinished(() => redis.stop());
  return redis;
}
