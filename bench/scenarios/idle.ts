import { endpointOf, measureCase, withRouters, type Bench, type Scenario } from '../bench.js';
import type { Endpoint } from '../load/endpoint.js';
import type { IdleJob } from '../load/job.js';
import { atMost, figure, type Figure } from '../report/figures.js';
import type { Memory, Router } from '../routers/router.js';
import { lineUp } from './fanout.js';

const perProcess = 5_000;
const settleMs = 500;
const smokeSettleMs = 20;

export const idle: Scenario = {
  name: 'idle',
  about:
    'Joined sessions that send nothing, beside as many WebSocket connections of the relay. Memory after a full collection.',
  run: async (bench) => {
    const count = bench.settings.idleSessions;
    await measureCase(bench, idle.name, `${count} sessions`, () => measure(bench, count));
  },
};

interface Grown {
  readonly resident: number[];
  readonly heap: number[];
}

async function measure(bench: Bench, count: number): Promise<Figure[]> {
  const routers = lineUp(bench);
  const grown = routers.map((): Grown => ({ resident: [], heap: [] }));
  for (let run = 0; run < bench.settings.memoryRuns; run += 1) {
    for (const [index, router] of routers.entries()) {
      const { residentBytes, heapBytes } = await growth(bench, router, count);
      grown[index]!.resident.push(residentBytes);
      if (heapBytes !== null) grown[index]!.heap.push(heapBytes);
    }
  }
  return figuresOf(bench, routers, grown);
}

function figuresOf(bench: Bench, routers: readonly Router[], grown: readonly Grown[]): Figure[] {
  const own = routers.flatMap(({ name }, index) => {
    const { resident, heap } = grown[index]!;
    const heapFigure = heap.length === 0 ? [] : [figure(`${name} heap`, 'B', heap)];
    return resident.some(Number.isNaN) ? [] : [figure(`${name} RSS`, 'B', resident), ...heapFigure];
  });
  if (bench.against !== 'relay') return own;
  const above = grown[1]!.resident.map((bytes, run) => bytes - grown[0]!.resident[run]!);
  return [figure('RSS above the relay, each', 'B', above, atMost(4_096)), ...own];
}

/** Measures the memory that each connection adds to a router started for this. */
async function growth(bench: Bench, router: Router, count: number): Promise<Memory> {
  return withRouters([router], true, async ([started]) => {
    const { running } = started!;
    const endpoint = endpointOf(started!);
    // Code that has never run, and buffers that are made once, are not a session's cost.
    await hold(bench, endpoint, [jobOf(Math.ceil(count / 50))], () => Promise.resolve());
    await settle(bench);
    const before = await running.memory();
    const jobs = Array.from({ length: Math.ceil(count / perProcess) }, (_, index) =>
      jobOf(Math.min(perProcess, count - index * perProcess)),
    );
    return hold(bench, endpoint, jobs, async (verify) => {
      await settle(bench);
      const after = await running.memory();
      await verify();
      return {
        residentBytes: (after.residentBytes - before.residentBytes) / count,
        heapBytes:
          after.heapBytes === null || before.heapBytes === null ? null : (after.heapBytes - before.heapBytes) / count,
      };
    });
  });
}

async function hold<T>(
  bench: Bench,
  endpoint: Endpoint,
  jobs: readonly IdleJob[],
  work: (verify: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const load = await bench.pool.open(endpoint, jobs);
  try {
    return await work(() => load.verify());
  } finally {
    await load.close();
  }
}

function jobOf(connections: number): IdleJob {
  return { kind: 'idle', serializer: 'json', connections };
}

function settle(bench: Bench): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, bench.settings.mode === 'smoke' ? smokeSettleMs : settleMs);
  });
}
