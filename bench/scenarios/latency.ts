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
import type { Wire } from '../load/endpoint.js';
import type { Settings } from '../settings.js';
import type { Job, Latency, Outcome } from '../load/job.js';
import { figure, type Figure } from '../report/figures.js';
import { fanoutJobs, lineUp, topic, windowFor } from './fanout.js';

interface Load {
  readonly name: string;
  readonly jobs: readonly Job[];
  readonly window: number;
  /** Messages that arrive for each message sent. */
  readonly arrivals: number;
  /** Whether a router of this wire carries the load. */
  readonly isFor: (wire: Wire) => boolean;
}

const subscribers = 10;

const loadsOf = (settings: Settings): readonly Load[] => [
  {
    name: `event, 1→${subscribers}, 32 B, json`,
    jobs: fanoutJobs(settings, 'json', new Array<'json'>(subscribers).fill('json'), 32, topic),
    window: windowFor(subscribers),
    arrivals: subscribers,
    isFor: () => true,
  },
  {
    name: 'call, 64×8, 32 B, json',
    jobs: [{ kind: 'rpc', serializer: 'json', callers: 64, callees: 8, payloadBytes: 32 }],
    window: 16,
    arrivals: 1,
    isFor: (wire) => wire === 'wamp' || wire === 'relay',
  },
];

/** Shares of the rate that a router reached in a closed loop. */
const shares = [0.1, 0.5, 0.8];

export const latency: Scenario = {
  name: 'latency',
  about:
    "Open loop at 10, 50 and 80 % of each router's own maximum, counted from the time a message was meant to leave.",
  run: async (bench) => {
    await withRouters(lineUp(bench), false, async (started) => {
      // A router that drops messages of a quick sender has no latency to compare.
      const lossless = started.filter(({ router }) => router.maxOutstanding === undefined);
      for (const load of loadsOf(bench.settings)) {
        for (const share of shares) {
          const name = `${load.name}, at ${share * 100} %`;
          await measureCase(bench, latency.name, name, async () => {
            const figures: Figure[] = [];
            for (const one of lossless)
              if (load.isFor(one.router.wire)) figures.push(...(await measure(bench, one, load, share)));
            return figures;
          });
        }
      }
    });
  },
};

async function measure(bench: Bench, started: Started, load: Load, share: number): Promise<Figure[]> {
  const { settings } = bench;
  const rates: number[] = [];
  const outcomes: Outcome[] = [];
  for (let run = 0; run < settings.runs; run += 1) {
    const most = await runOnce(bench, started, load.jobs, closedLoop(settings, load.window));
    const rate = (ratePerSecond(most) / load.arrivals) * share;
    rates.push(rate);
    outcomes.push(await runOnce(bench, started, load.jobs, openLoop(settings, rate)));
  }
  const { name } = started.router;
  const all = (label: string, of: (measured: Latency) => number): Figure =>
    figure(
      `${name} ${label}`,
      'µs',
      outcomes.map(({ latency: measured }) => (measured === null ? NaN : of(measured))),
    );
  return [
    figure(`${name} sent/s`, '/s', rates),
    all('p50', ({ p50Us }) => p50Us),
    all('p99', ({ p99Us }) => p99Us),
    all('p99.9', ({ p999Us }) => p999Us),
    all('max', ({ maxUs }) => maxUs),
  ];
}
