import { endpointOf, type Bench, type Started } from '../../bench.js';
import type { CrowdJob, Outcome } from '../../load/job.js';
import { cpuSeconds } from '../../measure/cpu.js';

const perProcess = 5_000;
const addressesPerProcess = 8;
/** The crowd must come even where the machine has other work. */
const niceness = 10;
/** Clients of one process that connect at the same time while they come one after another. */
export const steadily = 64;
export const allAtOnce = perProcess;

/** All clients have come. */
export interface Arrival {
  readonly seconds: number;
  /** Wait of a client, in the process whose clients waited longest. */
  readonly p99Ms: number;
  readonly attempts: number;
  /** CPU time of the router; NaN where it is out of sight. */
  readonly cpuSeconds: number;
}

export interface OpenCrowd {
  /** Drops all that are there, at once. */
  leave(): Promise<void>;
  /** Drops all that are there, and lets all come, so many of each process at a time. */
  come(width: number): Promise<Arrival>;
  verify(): Promise<void>;
  close(): Promise<void>;
}

/** Clients in processes of their own, which yield the processor to those that measure. None is connected yet. */
export async function openCrowd(bench: Bench, started: Started, count: number): Promise<OpenCrowd> {
  const endpoint = endpointOf(started);
  const loads = await Promise.all(
    jobsOf(count, endpoint.url).map((job) => bench.pool.openApart(endpoint, job, niceness)),
  );
  const spent = (): number => (endpoint.pid === null ? NaN : cpuSeconds(endpoint.pid));
  const run = (window: number): Promise<(Outcome | null)[]> => {
    const plan = { pace: { kind: 'closed', window }, warmupMs: 0, measureMs: 0 } as const;
    return Promise.all(loads.map((load) => load.run(plan)));
  };
  return {
    leave: async () => {
      await run(0);
    },
    come: async (width) => {
      const before = spent();
      const startMs = performance.now();
      const outcomes = await run(width);
      const seconds = (performance.now() - startMs) / 1_000;
      return { seconds, cpuSeconds: spent() - before, ...summary(outcomes) };
    },
    verify: async () => {
      for (const load of loads) await load.verify();
    },
    close: async () => {
      for (const load of loads) await load.close();
    },
  };
}

function summary(outcomes: readonly (Outcome | null)[]): Pick<Arrival, 'p99Ms' | 'attempts'> {
  return {
    p99Ms: Math.max(...outcomes.map((outcome) => outcome?.latency?.p99Us ?? NaN)) / 1_000,
    attempts: outcomes.reduce((sum, outcome) => sum + (outcome?.sent ?? 0), 0),
  };
}

function jobsOf(count: number, url: string): CrowdJob[] {
  const isLocal = new URL(url).hostname === '127.0.0.1';
  return Array.from({ length: Math.ceil(count / perProcess) }, (_, process) => ({
    kind: 'crowd',
    connections: Math.min(perProcess, count - process * perProcess),
    addresses: isLocal
      ? Array.from({ length: addressesPerProcess }, (_, index) => `127.2.${process}.${index + 1}`)
      : [],
    prefix: `com.bench.crowd${process}`,
  }));
}
