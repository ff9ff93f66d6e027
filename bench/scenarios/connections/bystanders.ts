import { endpointOf, type Bench, type Started } from '../../bench.js';
import type { Outcome, Plan } from '../../load/job.js';

const perSecond = 200;
const quietMs = 2_000;
const smokeQuietMs = 100;
const longestMs = 600_000;

/** Two sessions that exchange events at a fixed rate, and are there before the crowd. */
export interface Bystanders {
  /** Without anything else going on. */
  quietly(): Promise<Outcome>;
  /** While something happens. */
  during<T>(act: () => Promise<T>): Promise<readonly [felt: Outcome, result: T]>;
  close(): Promise<void>;
}

export async function openBystanders(bench: Bench, started: Started): Promise<Bystanders> {
  const load = await bench.pool.open(endpointOf(started), [{ kind: 'innocents', what: 'event' }]);
  const run = async (measureMs: number): Promise<Outcome> => {
    const plan: Plan = { pace: { kind: 'open', perSecond }, warmupMs: 0, measureMs };
    const outcome = await load.run(plan);
    if (outcome === null) throw new Error('the sessions beside the crowd counted nothing');
    return outcome;
  };
  return {
    quietly: () => run(bench.settings.mode === 'smoke' ? smokeQuietMs : quietMs),
    during: async (act) => {
      const feeling = run(longestMs);
      // A failure is reported below.
      feeling.catch(() => undefined);
      try {
        const result = await act();
        load.finish();
        return [await feeling, result];
      } finally {
        load.finish();
        await feeling.catch(() => undefined);
      }
    },
    close: () => load.close(),
  };
}

/** In milliseconds. */
export function p99Of({ latency }: Outcome): number {
  return latency === null ? NaN : latency.p99Us / 1_000;
}

export function longestOf({ latency }: Outcome): number {
  return latency === null ? NaN : latency.maxUs / 1_000;
}
