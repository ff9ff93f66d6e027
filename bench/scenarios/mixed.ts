import {
  closedLoop,
  measureCase,
  runOnce,
  subjectOf,
  withRouters,
  type Bench,
  type Scenario,
  type Started,
} from '../bench.js';
import { cpuMicros, ratePerSecond } from '../compare.js';
import { serializers, type Serializer } from '../load/endpoint.js';
import type { Outcome } from '../load/job.js';
import { atLeast, figure, type Figure } from '../report/figures.js';
import { fanoutJobs, topic, windowFor } from './fanout.js';

export const mixed: Scenario = {
  name: 'mixed',
  about: 'A JSON publisher and a third of the subscribers on each serializer, beside the same with JSON alone.',
  run: async (bench) => {
    await withRouters([subjectOf(bench)], false, async ([subject]) => {
      for (const payloadBytes of bench.settings.payloads) {
        const name = `1→${bench.settings.mixedSubscribers}, ${payloadBytes} B`;
        await measureCase(bench, mixed.name, name, () => measure(bench, subject!, payloadBytes));
      }
    });
  },
};

async function measure(bench: Bench, subject: Started, payloadBytes: number): Promise<Figure[]> {
  const count = bench.settings.mixedSubscribers;
  const plan = closedLoop(bench.settings, windowFor(count));
  const inTurn = Array.from({ length: count }, (_, index) => serializers[index % serializers.length]!);
  const alone = new Array<Serializer>(count).fill('json');
  const single: Outcome[] = [];
  const together: Outcome[] = [];
  const { coldRuns, runs } = bench.settings;
  for (let run = -coldRuns; run < runs; run += 1) {
    const ofSingle = await runOnce(
      bench,
      subject,
      fanoutJobs(bench.settings, 'json', alone, payloadBytes, topic),
      plan,
    );
    const ofAll = await runOnce(bench, subject, fanoutJobs(bench.settings, 'json', inTurn, payloadBytes, topic), plan);
    if (run < 0) continue;
    single.push(ofSingle);
    together.push(ofAll);
  }
  return [
    ...ratio('of JSON alone, CPU', single, together, (a, b) => cpuMicros(a) / cpuMicros(b)),
    ...ratio('of JSON alone, rate', single, together, (a, b) => ratePerSecond(b) / ratePerSecond(a)),
    figure('JSON alone events/s', '/s', single.map(ratePerSecond)),
    figure('mixed events/s', '/s', together.map(ratePerSecond)),
  ];
}

function ratio(
  label: string,
  single: readonly Outcome[],
  together: readonly Outcome[],
  of: (single: Outcome, together: Outcome) => number,
): Figure[] {
  const values = single.map((outcome, run) => of(outcome, together[run]!));
  return values.some(Number.isNaN) ? [] : [figure(label, '', values, atLeast(0.5))];
}
