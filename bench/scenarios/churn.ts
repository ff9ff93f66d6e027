import {
  closedLoop,
  endpointOf,
  measureCase,
  subjectOf,
  withRouters,
  type Bench,
  type Scenario,
  type Started,
} from '../bench.js';
import type { ChurnJob } from '../load/job.js';
import { atMost, figure, medianOf, type Figure } from '../report/figures.js';

const slices = 20;
const concurrency = 32;
const mebibyte = 1024 * 1024;

export const churn: Scenario = {
  name: 'churn',
  about:
    'Connect, join, subscribe, leave, over and over. Memory after a full collection, at rest, after each twentieth.',
  run: async (bench) => {
    const cycles = bench.settings.churnCycles;
    await measureCase(bench, churn.name, `${cycles} cycles`, () =>
      withRouters([subjectOf(bench)], true, ([subject]) => measure(bench, subject!, cycles)),
    );
  },
};

async function measure(bench: Bench, subject: Started, cycles: number): Promise<Figure[]> {
  const job: ChurnJob = {
    kind: 'churn',
    serializer: 'json',
    cycles: Math.ceil(cycles / slices),
    concurrency,
    addressBlock: new URL(subject.running.url).hostname === '127.0.0.1' ? 1 : null,
  };
  const resident: number[] = [];
  const heap: number[] = [];
  let seconds = 0;
  const load = await bench.pool.open(endpointOf(subject), [job]);
  try {
    for (let slice = 0; slice < slices; slice += 1) {
      seconds += (await load.run(closedLoop(bench.settings, 1)))?.seconds ?? NaN;
      const memory = await subject.running.memory();
      resident.push(memory.residentBytes);
      heap.push(memory.heapBytes ?? NaN);
    }
  } finally {
    await load.close();
  }
  const rate = figure('cycles/s', '/s', [(slices * job.cycles) / seconds]);
  return subject.running.pid === null ? [rate] : [...memoryFigures(resident, heap, job.cycles), rate];
}

/** The plateau is the middle of the run: what comes before still grows to its size. */
function memoryFigures(resident: readonly number[], heap: readonly number[], cyclesPerSlice: number): Figure[] {
  const middle = resident.slice(slices / 4, (slices * 3) / 4);
  const plateau = medianOf(middle);
  const end = medianOf(resident.slice(-3));
  const later = slices / 2;
  const trend = (slopeOf(resident.slice(later)) * later) / plateau;
  return [
    figure('RSS at the end, of the plateau', '', [end / plateau], atMost(1.1)),
    figure('RSS trend over the second half, of the plateau', '', [trend], atMost(0.02)),
    figure('plateau RSS', 'MiB', [plateau / mebibyte]),
    figure('heap growth a cycle, second half', 'B', [slopeOf(heap.slice(later)) / cyclesPerSlice]),
    figure('RSS after the first twentieth', 'MiB', [resident[0]! / mebibyte]),
    figure('RSS at the end', 'MiB', [end / mebibyte]),
  ];
}

/** Least squares: growth from one value to the next. */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let above = 0;
  let below = 0;
  for (const [index, value] of values.entries()) {
    above += (index - middle) * (value - mean);
    below += (index - middle) ** 2;
  }
  return above / below;
}
