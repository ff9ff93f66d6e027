import { endpointOf, measureCase, withRouters, type Bench, type Scenario } from '../bench.js';
import { attackNames, attackOf, type AttackName } from '../load/attacks.js';
import { readPage, sample, type Page } from '../cluster/metrics-page.js';
import type { Endpoint } from '../load/endpoint.js';
import type { Job, Latency, Outcome, Plan } from '../load/job.js';
import { cpuSeconds, peakResidentBytes } from '../measure/cpu.js';
import { atMost, figure, type Figure } from '../report/figures.js';
import type { Router } from '../routers/router.js';

const perSecond = 50;
const mebibyte = 1024 * 1024;
/** The longest latency of an innocent session during an attack, at the 99th percentile. */
const wantedMs = 100;
/** The work of the router before the attack. */
const ordinaryWork: readonly Job[] = [
  { kind: 'rpc', serializer: 'json', callers: 1, callees: 1, payloadBytes: 32 },
  {
    kind: 'fanout',
    publisher: 'json',
    subscribers: ['json'],
    remoteSubscribers: [],
    topic: 'com.bench.ordinary',
    payloadBytes: 32,
  },
];
const ordinaryWindow = 4_096;

export const hostile: Scenario = {
  name: 'hostile',
  about:
    'One attack at a time, by connections that yield the processor to everybody else, on a router of its own that has ' +
    'handled ordinary calls and events for a while, so that its code is compiled. ' +
    'Beside it two innocent sessions exchange 50 events a second and two others 50 calls a second; their latency is the ' +
    'figure. `undisturbed` is the same without the attack, in the same router just before, and `again` during a second attack ' +
    'by new connections: the first one finds code that is not compiled yet.',
  run: async (bench) => {
    for (const name of attackNames) {
      const { about, connections } = attackOf(name, bench.settings.attackShare);
      await measureCase(bench, hostile.name, `${name}: ${connections} × ${about}`, async () => {
        const figures: Figure[] = [];
        for (const router of bench.routers) figures.push(...(await measure(bench, router, name)));
        return figures;
      });
    }
  },
};

interface Felt {
  readonly event: Outcome;
  readonly call: Outcome;
}

interface Logins {
  readonly answered: number;
  /** Attempts that the bound on failed attempts refused, without a look at the credential. */
  readonly throttled: number;
}

interface Round {
  readonly undisturbed: Felt;
  readonly attacked: Felt;
  readonly again: Felt;
  readonly cpuShare: number;
  readonly peakBytes: number;
  readonly attackBytes: number;
  readonly cutCount: number;
  /** Attempts to log in; null where the attack makes none, or the router has no metrics. */
  readonly logins: Logins | null;
}

async function measure(bench: Bench, router: Router, name: AttackName): Promise<Figure[]> {
  const rounds: Round[] = [];
  for (let run = 0; run < bench.settings.memoryRuns; run += 1) rounds.push(await attack(bench, router, name));
  const each = (label: string, unit: string, of: (round: Round) => number, target: number | null = null): Figure =>
    figure(`${router.name} ${label}`, unit, rounds.map(of), target === null ? null : atMost(target));
  const p99Ms = ({ latency }: Outcome): number => msOf(latency, 'p99Us');
  return [
    each('event p99', 'ms', ({ attacked }) => p99Ms(attacked.event), wantedMs),
    each('call p99', 'ms', ({ attacked }) => p99Ms(attacked.call), wantedMs),
    each('event p99 again', 'ms', ({ again }) => p99Ms(again.event), wantedMs),
    each('call p99 again', 'ms', ({ again }) => p99Ms(again.call), wantedMs),
    each('event p99 undisturbed', 'ms', ({ undisturbed }) => p99Ms(undisturbed.event)),
    each('call p99 undisturbed', 'ms', ({ undisturbed }) => p99Ms(undisturbed.call)),
    each('worst', 'ms', ({ attacked: { event, call } }) =>
      Math.max(msOf(event.latency, 'maxUs'), msOf(call.latency, 'maxUs')),
    ),
    each(
      'unanswered',
      '',
      ({ attacked: { event, call } }) => event.sent - event.messages + call.sent - call.messages,
      0,
    ),
    each('busy', '%', ({ cpuShare }) => cpuShare * 100),
    each('peak RSS', 'MiB', ({ peakBytes }) => peakBytes / mebibyte),
    each('taken from attackers', 'MB', ({ attackBytes }) => attackBytes / 1e6),
    each('attackers cut', '', ({ cutCount }) => cutCount),
    ...(rounds.some(({ logins }) => logins !== null)
      ? [
          each('logins answered', '', ({ logins }) => logins?.answered ?? NaN),
          each('logins refused by the limit', '', ({ logins }) => logins?.throttled ?? NaN),
        ]
      : []),
  ];
}

async function attack(bench: Bench, router: Router, name: AttackName): Promise<Round> {
  const options = { measuresMemory: false, servesSite: true, hasLogins: name === 'logins' };
  return withRouters([router], options, async ([started]) => {
    const endpoint = endpointOf(started!);
    const opsUrl = name === 'logins' ? started!.running.opsUrl : undefined;
    await work(bench, endpoint);
    const plan: Plan = {
      pace: { kind: 'open', perSecond },
      warmupMs: 0,
      measureMs: bench.settings.attackMs,
    };
    const loads = [
      await bench.pool.open(endpoint, [{ kind: 'innocents', what: 'event' }]),
      await bench.pool.open(endpoint, [{ kind: 'innocents', what: 'call' }]),
    ] as const;
    const feel = async (): Promise<Felt> => {
      const [event, call] = await Promise.all(loads.map((load) => load.run(plan)));
      if (!event || !call) throw new Error('the innocent sessions counted nothing');
      return { event, call };
    };
    const attackers = await bench.pool.openApart(endpoint, {
      kind: 'attack',
      attack: name,
      share: bench.settings.attackShare,
    });
    try {
      const undisturbed = await feel();
      const cpuBefore = endpoint.pid === null ? NaN : cpuSeconds(endpoint.pid);
      const startMs = performance.now();
      const [attacked, pressed] = await Promise.all([feel(), attackers.run(plan)]);
      const seconds = (performance.now() - startMs) / 1_000;
      const cpuShare = endpoint.pid === null ? NaN : (cpuSeconds(endpoint.pid) - cpuBefore) / seconds;
      const [again] = await Promise.all([feel(), attackers.run(plan)]);
      return {
        undisturbed,
        attacked,
        again,
        cpuShare,
        peakBytes: endpoint.pid === null ? NaN : peakResidentBytes(endpoint.pid),
        attackBytes: pressed?.messages ?? NaN,
        cutCount: pressed?.sent ?? NaN,
        logins: opsUrl === undefined ? null : loginsOf(await readPage(opsUrl)),
      };
    } finally {
      await attackers.close();
      for (const load of loads) await load.close();
    }
  });
}

/** Attempts since the start of the router: nobody else presents a credential. */
function loginsOf(page: Page): Logins {
  const failures = (reason: string): number =>
    ['ticket', 'wampcra']
      .map((method) => sample(page, `gantry_authentication_failures_total{method="${method}",reason="${reason}"}`))
      .reduce((sum, count) => sum + count);
  const throttled = failures('throttled');
  return { answered: failures('denied') + throttled, throttled };
}

/** Lets the router handle ordinary calls and events, as quickly as it can. */
async function work(bench: Bench, endpoint: Endpoint): Promise<void> {
  const { warmupMs, measureMs } = bench.settings;
  const plan: Plan = { pace: { kind: 'closed', window: ordinaryWindow }, warmupMs, measureMs };
  for (const job of ordinaryWork) {
    const load = await bench.pool.open(endpoint, [job]);
    try {
      await load.run(plan);
    } finally {
      await load.close();
    }
  }
}

function msOf(latency: Latency | null, which: 'p99Us' | 'maxUs'): number {
  return latency === null ? NaN : latency[which] / 1_000;
}
