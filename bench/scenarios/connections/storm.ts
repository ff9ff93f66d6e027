import { setTimeout as pause } from 'node:timers/promises';
import { withRouters, type Bench } from '../../bench.js';
import type { Outcome } from '../../load/job.js';
import { atMost, figure, type Figure } from '../../report/figures.js';
import type { Router } from '../../routers/router.js';
import { longestOf, openBystanders, p99Of } from './bystanders.js';
import { allAtOnce, openCrowd, steadily, type Arrival } from './crowd.js';

/** Delay of the events of others at the 99th percentile, where handshakes are paced. */
const wantedMs = 100;
/** A HELLO may wait so many times the time that all handshakes take at the rate. */
const timeoutShare = 1.5;
const leastTimeoutMs = 5_000;
/** The router has ended the sessions by then. */
const awayMs = 3_000;
const smokeAwayMs = 50;

interface Storm {
  readonly quiet: Outcome;
  readonly left: Outcome;
  readonly felt: Outcome;
  readonly arrival: Arrival;
}

/** All clients are dropped at once and come back at once. `rate`: limits.maxHandshakesPerSecond. */
export async function measureStorm(bench: Bench, router: Router, count: number, rate: number): Promise<Figure[]> {
  const storms: Storm[] = [];
  for (let run = 0; run < bench.settings.memoryRuns; run += 1) storms.push(await storm(bench, router, count, rate));
  const each = (label: string, unit: string, of: (storm: Storm) => number, target: number | null = null): Figure =>
    figure(`${router.name} ${label}`, unit, storms.map(of), target === null ? null : atMost(target));
  return [
    each('event p99', 'ms', ({ felt }) => p99Of(felt), rate === 0 ? null : wantedMs),
    each('event p99 undisturbed', 'ms', ({ quiet }) => p99Of(quiet)),
    each('worst', 'ms', ({ felt }) => longestOf(felt)),
    each('worst while all leave', 'ms', ({ left }) => longestOf(left)),
    each('lost events', '', ({ left, felt }) => left.sent - left.messages + felt.sent - felt.messages, 0),
    each('all back', 's', ({ arrival }) => arrival.seconds),
    each('a client is back, p99', 's', ({ arrival }) => arrival.p99Ms / 1_000),
    each('attempts/client', '', ({ arrival }) => arrival.attempts / count),
    each('busy', '%', ({ arrival: { seconds, cpuSeconds } }) => (cpuSeconds / seconds) * 100),
  ];
}

async function storm(bench: Bench, router: Router, count: number, rate: number): Promise<Storm> {
  const timeoutMs = rate === 0 ? leastTimeoutMs : Math.max(leastTimeoutMs, (timeoutShare * count * 1_000) / rate);
  const environment = {
    GANTRY_LIMITS_MAX_HANDSHAKES_PER_SECOND: String(rate),
    GANTRY_LIMITS_MAX_WAITING_HANDSHAKES: String(2 * count),
    GANTRY_LIMITS_HANDSHAKE_TIMEOUT_MS: String(Math.ceil(timeoutMs)),
  };
  return withRouters([router], { measuresMemory: false, environment }, async ([started]) => {
    const bystanders = await openBystanders(bench, started!);
    const crowd = await openCrowd(bench, started!, count);
    try {
      await crowd.come(steadily);
      const quiet = await bystanders.quietly();
      const [left] = await bystanders.during(async () => {
        await crowd.leave();
        await pause(bench.settings.mode === 'smoke' ? smokeAwayMs : awayMs);
      });
      const [felt, arrival] = await bystanders.during(() => crowd.come(allAtOnce));
      await crowd.verify();
      return { quiet, left, felt, arrival };
    } finally {
      await crowd.close();
      await bystanders.close();
    }
  });
}
