import type { Clusters } from './cluster/cluster.js';
import type { Endpoint } from './load/endpoint.js';
import type { Job, Outcome, Plan } from './load/job.js';
import type { LoadPool } from './load-pool.js';
import type { CaseResult } from './report/figures.js';
import type { Router, RunningRouter, StartOptions } from './routers/router.js';
import type { Settings } from './settings.js';

/** The measure of the routers: the relay, each other, another build of Gantry, the pipe over Redis, or nothing. */
export type Against = 'relay' | 'peers' | 'build' | 'pipe' | 'nothing';

/** The tools of a scenario. */
export interface Bench {
  readonly settings: Settings;
  readonly pool: LoadPool;
  readonly against: Against;
  /** Null where no relay runs beside the routers. */
  readonly relay: Router | null;
  /** The first one is the subject. */
  readonly routers: readonly Router[];
  readonly clusters: Clusters;
  /** A case has been measured. */
  finished(result: CaseResult): void;
}

export interface Scenario {
  readonly name: string;
  /** One sentence for the report. */
  readonly about: string;
  run(bench: Bench): Promise<void>;
}

export interface Started {
  readonly router: Router;
  readonly running: RunningRouter;
}

export function subjectOf(bench: Bench): Router {
  const [subject] = bench.routers;
  if (subject === undefined) throw new Error('no router to measure');
  return subject;
}

/** Starts these routers, hands them to `work` and stops them whatever happens. */
export async function withRouters<T>(
  routers: readonly Router[],
  options: StartOptions | boolean,
  work: (started: readonly Started[]) => Promise<T>,
): Promise<T> {
  const startOptions = typeof options === 'boolean' ? { measuresMemory: options } : options;
  const starting = await Promise.allSettled(
    routers.map(async (router) => ({ router, running: await router.start(startOptions) })),
  );
  const started = starting.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  try {
    const failed = starting.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return await work(started);
  } finally {
    for (const { running } of started) await running.stop();
  }
}

export function endpointOf({ router, running }: Started): Endpoint {
  return { url: running.url, wire: router.wire, realm: router.realm, pid: running.pid };
}

/** One run with connections of its own. */
export async function runOnce(bench: Bench, started: Started, jobs: readonly Job[], plan: Plan): Promise<Outcome> {
  const load = await bench.pool.open(endpointOf(started), jobs);
  try {
    const outcome = await load.run(plan);
    if (outcome === null) throw new Error('this job counts nothing');
    return outcome;
  } catch (error) {
    throw new Error(`${started.router.name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  } finally {
    await load.close();
  }
}

/** Measures one case; a failure becomes its result, so that the others are measured all the same. */
export async function measureCase(
  bench: Bench,
  scenario: string,
  name: string,
  measure: () => Promise<CaseResult['figures']>,
): Promise<void> {
  try {
    bench.finished({ scenario, name, figures: await measure(), failure: null });
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    bench.finished({ scenario, name, figures: [], failure });
  }
}

export function closedLoop(settings: Settings, window: number): Plan {
  return { pace: { kind: 'closed', window }, warmupMs: settings.warmupMs, measureMs: settings.measureMs };
}

export function openLoop(settings: Settings, perSecond: number): Plan {
  return { pace: { kind: 'open', perSecond }, warmupMs: settings.warmupMs, measureMs: settings.measureMs };
}
