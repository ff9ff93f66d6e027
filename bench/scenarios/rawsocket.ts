import { closedLoop, measureCase, type Bench, type Scenario, type Started } from '../bench.js';
import { alternate, cpuMicros, ownFigures, pairwise, ratePerSecond } from '../compare.js';
import type { Serializer } from '../load/endpoint.js';
import type { Job, Plan } from '../load/job.js';
import { figure, type Figure } from '../report/figures.js';
import { gantryRealm, startGantry } from '../routers/gantry.js';
import { freePort } from '../routers/process.js';
import type { RunningRouter } from '../routers/router.js';
import { fanoutJobs, topic, windowFor } from './fanout.js';

const payloadBytes = 32;
/** Calls that are outstanding. */
const outstanding = 256;

interface Load {
  readonly name: string;
  readonly unit: string;
  readonly jobs: readonly Job[];
  readonly plan: Plan;
}

export const rawsocket: Scenario = {
  name: 'rawsocket',
  about: 'Fan-out and calls over RawSocket and over the WebSocket, in turn, at one router.',
  run: async (bench) => {
    if (bench.against === 'peers') return;
    const port = await freePort();
    const listeners = [{ type: 'rawsocket', host: '127.0.0.1', port }];
    const environment = { GANTRY_LISTENERS: JSON.stringify(listeners) };
    const running = await startGantry({ measuresMemory: false, profileDirectory: null, environment });
    try {
      const both = [at('WebSocket', running), at('RawSocket', { ...running, url: `rs://127.0.0.1:${port}` })];
      for (const serializer of bench.settings.serializers)
        for (const load of loads(bench, serializer))
          await measureCase(bench, rawsocket.name, load.name, () => measure(bench, both, load));
    } finally {
      await running.stop();
    }
  },
};

function at(name: string, running: RunningRouter): Started {
  const start = (): Promise<RunningRouter> => Promise.resolve(running);
  return { router: { name, wire: 'wamp', realm: gantryRealm, version: '', start }, running };
}

function loads({ settings }: Bench, serializer: Serializer): readonly Load[] {
  const fanouts = settings.fanouts.map((count) => ({
    name: `1→${count}, ${payloadBytes} B, ${serializer}`,
    unit: 'event',
    jobs: fanoutJobs(settings, serializer, new Array<Serializer>(count).fill(serializer), payloadBytes, topic),
    plan: closedLoop(settings, windowFor(count)),
  }));
  const rpc = {
    name: `1×1 calls, ${outstanding} outstanding, ${serializer}`,
    unit: 'call',
    jobs: [{ kind: 'rpc', serializer, callers: 1, callees: 1, payloadBytes } as const],
    plan: closedLoop(settings, outstanding),
  };
  return [...fanouts, rpc];
}

async function measure(bench: Bench, both: readonly Started[], load: Load): Promise<Figure[]> {
  const measured = await alternate(bench, both, load);
  const [webSocket, raw] = measured.map(({ outcomes }) => outcomes);
  const own = measured.flatMap((one) => ownFigures(one, load.unit));
  if (webSocket === undefined || raw === undefined) return own;
  const cpu = pairwise(webSocket, raw, (a, b) => cpuMicros(a) / cpuMicros(b));
  const rate = pairwise(webSocket, raw, (a, b) => ratePerSecond(b) / ratePerSecond(a));
  return [figure('of WebSocket, CPU', '', cpu), figure('of WebSocket, rate', '', rate), ...own];
}
