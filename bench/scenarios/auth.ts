import { closedLoop, measureCase, runOnce, type Bench, type Scenario, type Started } from '../bench.js';
import { ratePerSecond } from '../compare.js';
import type { JoinsJob, Outcome } from '../load/job.js';
import { loginNames, type LoginName } from '../load/logins.js';
import { figure, medianOf, type Figure } from '../report/figures.js';
import { gantryRealm, startGantry } from '../routers/gantry.js';

const connections = 32;
const microsPerSecond = 1e6;

const jobOf = (login: LoginName): JoinsJob => ({ kind: 'joins', login, connections });

export const auth: Scenario = {
  name: 'auth',
  about:
    'Sessions join and leave on 32 connections, by each method in turn. CPU time of the router for each join, beside an anonymous one.',
  run: async (bench) => {
    if (bench.against === 'peers') return;
    await measureCase(bench, auth.name, `${connections} connections, json`, () => measure(bench));
  },
};

async function measure(bench: Bench): Promise<Figure[]> {
  const running = await startGantry({ measuresMemory: false, hasLogins: true, profileDirectory: null });
  const started: Started = {
    router: { name: 'gantry', wire: 'wamp', realm: gantryRealm, version: '', start: () => Promise.resolve(running) },
    running,
  };
  try {
    return figuresOf(await alternate(bench, started));
  } finally {
    await running.stop();
  }
}

type Outcomes = ReadonlyMap<LoginName, readonly Outcome[]>;

async function alternate(bench: Bench, started: Started): Promise<Outcomes> {
  const outcomes = new Map(loginNames.map((login) => [login, new Array<Outcome>()]));
  const { coldRuns, runs } = bench.settings;
  for (let run = -coldRuns; run < runs; run += 1) {
    for (const [login, measured] of outcomes) {
      const outcome = await runOnce(bench, started, [jobOf(login)], closedLoop(bench.settings, 1));
      if (run >= 0) measured.push(outcome);
    }
  }
  return outcomes;
}

function figuresOf(outcomes: Outcomes): Figure[] {
  const anonymous = medianOf((outcomes.get('anonymous') ?? []).map(cpuOf));
  const ratios = [...outcomes]
    .filter(([login]) => login !== 'anonymous')
    .map(([login, measured]) => {
      const ofAnonymous = measured.map((outcome) => cpuOf(outcome) / anonymous);
      return figure(`${login} CPU, of anonymous`, '×', ofAnonymous);
    });
  const own = [...outcomes].flatMap(([login, measured]) => [
    figure(`${login} CPU`, 'µs', measured.map(cpuOf)),
    figure(`${login} joins/s`, '/s', measured.map(ratePerSecond)),
  ]);
  return [...ratios, ...own];
}

function cpuOf({ cpuSeconds, messages }: Outcome): number {
  return ((cpuSeconds ?? NaN) * microsPerSecond) / messages;
}
