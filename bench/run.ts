import { spawnSync } from 'node:child_process';
import { loadavg } from 'node:os';
import type { Against, Bench, Scenario } from './bench.js';
import { Clusters } from './cluster/cluster.js';
import { BenchError } from './failure.js';
import { LoadPool } from './load-pool.js';
import type { Options } from './options.js';
import type { CaseResult } from './report/figures.js';
import { commit, machine } from './report/machine.js';
import type { Report } from './report/report-data.js';
import { summaryLine, writeReport } from './report/report.js';
import { relay } from './routers/relay.js';
import { installCentrifugo } from './routers/centrifugo.js';
import { installCrossbar } from './routers/crossbar.js';
import { external } from './routers/external.js';
import { gantry, gantryBefore } from './routers/gantry.js';
import { installNats } from './routers/nats.js';
import { installNexus } from './routers/nexus.js';
import { canPin, loadCores } from './routers/process.js';
import type { Router } from './routers/router.js';
import { installXconn } from './routers/xconn.js';
import { clusterScenarios, peerScenarios, scenarios } from './scenarios/all.js';
import { settingsOf, type Settings } from './settings.js';

type Print = (line: string) => void;

/** Runs what the options ask for. True when a router did what it must not, or broke down. */
export async function runBench(options: Options, reportDirectory: string, print: Print): Promise<boolean> {
  const startedMs = performance.now();
  const chosen = choose(options);
  const lineUp = await lineUpOf(options, print);
  const cases: CaseResult[] = [];
  const bench: Bench = {
    settings: settingsFor(options),
    pool: new LoadPool(),
    clusters: new Clusters(options.profileDirectory),
    ...lineUp,
    finished: (result) => {
      cases.push(result);
      print(summaryLine(result, options.mode));
    },
  };
  keepOffRouterCore();
  const loadBefore = loadavg();
  try {
    for (const scenario of chosen) await runScenario(bench, scenario);
  } finally {
    bench.pool.stop();
    await bench.clusters.stop();
  }
  if (options.writesReport) {
    const durationSeconds = (performance.now() - startedMs) / 1000;
    const report: Report = {
      ...reportOf(options, bench, lineUp, chosen, cases),
      redis: bench.clusters.redisVersion,
      durationSeconds,
      loadAverages: [loadBefore, loadavg()],
    };
    const files = await writeReport(report, reportDirectory);
    for (const file of files) print(`wrote ${file}`);
  }
  return cases.some(({ failure }) => failure !== null);
}

/** A router that does not even start fails its scenario; the others are measured all the same. */
async function runScenario(bench: Bench, scenario: Scenario): Promise<void> {
  try {
    await scenario.run(bench);
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    bench.finished({ scenario: scenario.name, name: 'all', figures: [], failure });
  }
}

function choose({ scenarios: names, isAgainstPeers, isCluster }: Options): readonly Scenario[] {
  const known = isCluster ? clusterScenarios : scenarios;
  if (names.length === 0) return isAgainstPeers ? peerScenarios : known;
  return names.map((name) => {
    const found = known.find((scenario) => scenario.name === name);
    if (found === undefined) throw new BenchError(`no scenario ${name}: ${known.map((one) => one.name).join(', ')}`);
    return found;
  });
}

interface LineUp {
  readonly against: Against;
  readonly relay: Router | null;
  readonly routers: readonly Router[];
  readonly missing: readonly string[];
}

async function lineUpOf(options: Options, print: Print): Promise<LineUp> {
  if (options.url !== null) {
    return { against: 'nothing', relay: null, routers: [external(options.url, options.realm)], missing: [] };
  }
  const subject = gantry(options.profileDirectory);
  if (options.isCluster) return { against: 'pipe', relay: null, routers: [subject], missing: [] };
  if (options.beside !== null)
    return { against: 'build', relay: null, routers: [subject, gantryBefore(options.beside)], missing: [] };
  if (!options.isAgainstPeers) return { against: 'relay', relay, routers: [subject], missing: [] };
  const routers = [subject];
  const missing: string[] = [];
  for (const install of [installNexus, installXconn, installCrossbar, installNats, installCentrifugo]) {
    try {
      routers.push(await install());
    } catch (error) {
      if (!(error instanceof BenchError)) throw error;
      missing.push(error.message);
      print(`not here: ${error.message}`);
    }
  }
  return { against: 'peers', relay: null, routers, missing };
}

function settingsFor({ mode, runs, isAgainstPeers }: Options): Settings {
  const settings = settingsOf(mode);
  const peers = isAgainstPeers ? { fanouts: settings.fanouts.filter((count) => count <= 100) } : {};
  return { ...settings, ...peers, ...(runs === null ? {} : { runs, memoryRuns: runs }) };
}

/** The runner itself must not take the router's time. */
function keepOffRouterCore(): void {
  if (canPin) spawnSync('taskset', ['-a', '-p', '-c', loadCores, String(process.pid)]);
}

function reportOf(
  options: Options,
  bench: Bench,
  { missing }: LineUp,
  chosen: readonly Scenario[],
  cases: readonly CaseResult[],
): Omit<Report, 'redis' | 'durationSeconds' | 'loadAverages'> {
  const routers = bench.relay === null ? bench.routers : [bench.relay, ...bench.routers];
  return {
    name: options.name ?? nameOf(options),
    date: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    command: ['npm run bench --', ...process.argv.slice(2).map(withoutFolders)].join(' ').replace(/ --$/, ''),
    commit: commit(),
    machine: machine(),
    settings: bench.settings,
    routers: routers.map(({ name, version }) => ({ name, version })),
    scenarios: chosen.map(({ name, about }) => ({ name, about })),
    cases,
    missing,
    note: options.note,
    notMeasured: notMeasured(options),
  };
}

const notMeasuredOfCluster =
  'A network between nodes and Redis (everything runs over the loopback interface of one machine; all nodes, Redis and ' +
  'the pipe take turns on one core), TLS to Redis, Sentinel, a Redis Cluster (the scenario `nodes` without clients has one), a Redis with I/O threads, Valkey, serializers other than ' +
  'JSON, several realms, payloads other than one string, slow readers, storms on several nodes at once, and faults: ' +
  'those are tests. Rates say what one core for everything gave, not what nodes with cores of their own would: the CPU ' +
  'time of each process is the figure that counts.';

/** A report does not contain the folders of the machine that made it. */
function withoutFolders(word: string): string {
  return word.replace(/(^|=)\/.*\//, '$1…/');
}

function nameOf({ mode, url, beside, isAgainstPeers, isCluster }: Options): string {
  const what = isCluster
    ? 'cluster'
    : isAgainstPeers
      ? 'peers'
      : beside !== null
        ? 'beside'
        : url === null
          ? 'gantry'
          : 'url';
  return mode === 'full' ? what : `${what}-${mode}`;
}

function notMeasured({ url, isAgainstPeers, isCluster }: Options): string {
  if (isCluster) return notMeasuredOfCluster;
  const always =
    'A network (everything runs over the loopback interface of one machine), TLS, more than one node, batched ' +
    'sub-protocols, payloads other than one string, and slow readers. Where a busy column is below 100 %, the load ' +
    'generator set the pace and the rate says little: the CPU time per message is the figure that counts.';
  if (url !== null) return `The router's CPU time and memory: its process is out of sight. ${always}`;
  if (!isAgainstPeers) return always;
  return (
    `Crossbar.io on PyPy, which its documentation recommends for speed (this is the Python of the machine), and with ` +
    `several workers: one core each is the rule here. NATS and Centrifugo speak protocols of their own, NATS on plain TCP, ` +
    `and are measured in the fan-out with JSON only. Fan-out 1,000, churn and memory of other routers. ${always}`
  );
}
