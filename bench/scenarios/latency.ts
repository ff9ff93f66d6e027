import {
  closedLoop,
  measureCase,
  openLoop,
  runOnce,
  withRouters,
  type Bench,
  type Scenario,
  type Started,
} from '../bench.js';
import { ratePerSecond } from '../compare.js';
import type { Settings } from '../settings.js';
import type { Job, Outcome } from '../load/job.js';
import { figure, type Figure } from '../report/figures.js';
import { fanoutJobs, lineUp, topic, windowFor } from './fanout.js';

interface Load {
  readonly name: string;
  readonly jobs: readonly Job[];
  readonly window: number;
  /** Messages that arrive for each message sent. */
  readonly arrivals: number;
}

const subscribers = 10;

const loadsOf = (settings: Settings): readonly Load[] => [
  {
    name: `event, 1→${subscribers}, 32 B, json`,
    jobs: fanoutJobs(settings, 'json', new Array<'json'>(subscribers).fill('json'), 32, topic),
    window: windowFor(subscribers),
    arrivals: subscribers,
  },
  {
    name: 'call, 64×8, 32 B, json',
    jobs: [{ kind: 'rpc', serializer: 'json', callers: 64, callees: 8, payloadBytes: 32 }],
    window: 16,
    arrivals: 1,
  },
];

export const latency: Scenario = {
  name: 'latency',
  about: "Open loop at half of each router's own maximum, counted from the time a message was meant to leave.",
  run: async (bench) => {
    await withRouters(lineUp(bench), false, async (started) => {
      for (const load of loadsOf(bench.settings)) {
        await measureCase(bench, latency.name, load.name, async () => {
          const figures: Figure[] = [];
          for (const one of started) figures.push(...(await measure(bench, one, load)));
          return figures;
        });
      }
    });
  },
};

async function measure(bench: Bench, started: Started, load: Load): Promise<Figure[]> {
  const { settings } = bench;
  const halves: number[] = [];
  const outcomes: Outcome[] = [];
  for (let run = 0; run < settings.runs; run += 1) {
    const most = await runOnce(bench, started, load.jobs, closedLoop(settings, load.window));
    const half = ratePerSecond(most) / load.arrivals / 2;
    halves.push(half);
    outcomes.push(await runOnce(bench, started, load.jobs, openLoop(settings, half)));
  }
  const { name } = started.router;
  return [
    figure(`${name} sent/s`, '/s', halves),
    figure(
      `${name} p50`,
      'µs',
      outcomes.map(({ latency: measured }) => measured?.p50Us ?? NaN),
    ),
    figure(
      `${name} p99`,
      'µs',
      outcomes.map(({ latency: measured }) => measured?.p99Us ?? NaN),
    ),
    figure(
      `${name} max`,
      'µs',
      outcomes.map(({ latency: measured }) => measured?.maxUs ?? NaN),
    ),
  ];
}
