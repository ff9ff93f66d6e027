import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { pagesByProcess, readPage, sample, type Page } from '../../cluster/metrics-page.js';
import type { RunningRedis } from '../../cluster/redis-server.js';
import type { Endpoint } from '../../load/endpoint.js';
import { gantryRealm, startGantry, type RunningGantry } from '../../routers/gantry.js';

const readyTimeoutMs = 60_000;
const lookMs = 20;
/** Processes of the router, where there are several. */
const processCount = 2;
/** Two for the router, one for Redis and one for the load. */
const enoughCores = 4;

/** The cores of each part. */
export interface Cores {
  readonly router: string;
  readonly redis: string;
  readonly load: string;
  /** The load has cores of its own, so that rates count. */
  readonly isLoadOutside: boolean;
}

export function coresOf(count = availableParallelism()): Cores {
  if (count >= enoughCores) return { router: '0-1', redis: '2', load: `3-${count - 1}`, isLoadOutside: true };
  const all = `0-${count - 1}`;
  return { router: all, redis: all, load: all, isLoadOutside: false };
}

export type ArmName = 'alone' | 'one' | 'two' | 'twoBySocket';

/** One way to run Gantry. */
export class Arm {
  readonly processes: number;
  readonly redisPid: number;
  readonly #running: RunningGantry;

  constructor(running: RunningGantry, processes: number, redisPid: number) {
    this.#running = running;
    this.processes = processes;
    this.redisPid = redisPid;
  }

  /** Its CPU time is that of all its processes, the parent included. */
  get endpoint(): Endpoint {
    return { url: this.#running.url, wire: 'wamp', realm: gantryRealm, pid: this.#running.pid };
  }

  /** One page for each process that serves clients. */
  async pages(): Promise<readonly Page[]> {
    const page = await readPage(this.#running.opsUrl);
    if (this.processes === 1) return [page];
    const pages = pagesByProcess(page);
    return Array.from({ length: this.processes }, (_, index) => pages.get(String(index)) ?? new Map<string, number>());
  }

  /** Sessions of each process. */
  async sessions(): Promise<readonly number[]> {
    return (await this.pages()).map((page) => sample(page, 'gantry_sessions'));
  }

  /** Until each process is ready, and knows as many nodes as there are processes. */
  async ready(hasRedis: boolean): Promise<void> {
    const isReady = (page: Page): boolean =>
      hasRedis
        ? page.get('gantry_cluster_up') === 1 && page.get('gantry_cluster_nodes') === this.processes
        : page.has('gantry_sessions');
    await this.#until(isReady, 'the processes do not find each other');
  }

  /** Until the sessions of earlier loads have left, and no process wants their topics. */
  async empty(): Promise<void> {
    const isEmpty = (page: Page): boolean =>
      page.get('gantry_sessions') === 0 && (page.get('gantry_cluster_mirror_topics') ?? 0) === 0;
    await this.#until(isEmpty, 'sessions or subscriptions are left that no client has');
  }

  async stop(): Promise<void> {
    await this.#running.stop();
  }

  async #until(isSo: (page: Page) => boolean, otherwise: string): Promise<void> {
    const deadline = performance.now() + readyTimeoutMs;
    // The endpoint of metrics opens later than the port.
    while (!(await this.pages().catch(() => [new Map<string, number>()])).every(isSo)) {
      if (performance.now() > deadline) throw new Error(otherwise);
      await pause(lookMs);
    }
  }
}

export type Arms = Readonly<Record<ArmName, Arm>>;

/** Starts all arms over this Redis, hands them to `work` and stops them whatever happens. */
export async function withArms(cores: Cores, redis: RunningRedis, work: (arms: Arms) => Promise<void>): Promise<void> {
  const started: Arm[] = [];
  const start = async (name: ArmName, processes: number, url: string | null): Promise<Arm> => {
    const environment = url === null ? {} : environmentOf(name, processes, url);
    const running = await startGantry({
      measuresMemory: false,
      profileDirectory: null,
      environment,
      cores: cores.router,
    });
    const arm = new Arm(running, processes, redis.pid);
    started.push(arm);
    await arm.ready(url !== null);
    return arm;
  };
  try {
    await work({
      alone: await start('alone', 1, null),
      one: await start('one', 1, redis.url),
      two: await start('two', processCount, redis.url),
      twoBySocket: await start('twoBySocket', processCount, redis.socketUrl),
    });
  } finally {
    for (const arm of started) await arm.stop();
  }
}

function environmentOf(name: ArmName, processes: number, url: string): Readonly<Record<string, string>> {
  return {
    GANTRY_PROCESSES: String(processes),
    GANTRY_BACKPLANE_URL: url,
    GANTRY_BACKPLANE_REDIS_PREFIX: `bench-${name}`,
  };
}
