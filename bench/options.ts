import { parseArgs } from 'node:util';
import { BenchError } from './failure.js';
import type { Mode } from './settings.js';

export interface Options {
  /** Scenario names; empty for all. */
  readonly scenarios: readonly string[];
  readonly isAgainstPeers: boolean;
  /** Nodes over Redis instead of one node. */
  readonly isCluster: boolean;
  readonly mode: Mode;
  readonly url: string | null;
  /** Another built checkout of Gantry, in place of the relay. */
  readonly beside: string | null;
  readonly realm: string;
  readonly name: string | null;
  readonly note: string | null;
  readonly runs: number | null;
  readonly writesReport: boolean;
  readonly profileDirectory: string | null;
}

export const usage = `npm run bench -- [SCENARIO…] [options]
npm run bench -- peers [SCENARIO…] [options]   Gantry and other servers in turn
npm run bench -- cluster [SCENARIO…] [options] nodes over Redis, beside a pipe over the same Redis

  SCENARIO           fanout mixed bulk rpc rawsocket progressive latency idle connections subscriptions churn auth authorization
                     meta nodes processes hostile; all when none is named
                     of the cluster: fanout rpc local topics sessions nodes mirror
  --quick            fewer and shorter runs
  --smoke            everything tiny, to see that it works; writes no report
  --url URL          the WAMP router at URL instead of Gantry: no relay beside it, no CPU time, no memory
  --beside DIR       another built checkout of Gantry in place of the relay, in turn with this one
  --realm REALM      realm of that router (realm1)
  --runs N           runs of each case
  --name NAME        name of the report in bench/reports
  --note TEXT        one sentence for the report, about what else the machine did
  --no-report        write none
  --profile DIR      write a CPU profile of Gantry into DIR
  --help`;

/** Null when only the usage is asked for. */
export function readOptions(argv: readonly string[]): Options | null {
  const { values, positionals } = parse(argv);
  if (values.help) return null;
  const [first, ...rest] = positionals;
  const isAgainstPeers = first === 'peers';
  const isCluster = first === 'cluster';
  const runs = values.runs === undefined ? null : Number(values.runs);
  if (runs !== null && !(Number.isInteger(runs) && runs > 0))
    throw new BenchError('--runs wants a whole number above 0');
  if ((isAgainstPeers || isCluster) && values.url !== undefined)
    throw new BenchError(`${first} and --url exclude each other`);
  if (values.beside !== undefined && (isAgainstPeers || isCluster || values.url !== undefined))
    throw new BenchError('--beside goes with one node of Gantry only: not with peers, cluster or --url');
  return {
    scenarios: isAgainstPeers || isCluster ? rest : positionals,
    isAgainstPeers,
    isCluster,
    mode: values.smoke ? 'smoke' : values.quick ? 'quick' : 'full',
    url: values.url ?? null,
    beside: values.beside ?? null,
    realm: values.realm,
    name: values.name ?? null,
    note: values.note ?? null,
    runs,
    writesReport: !values['no-report'] && !values.smoke,
    profileDirectory: values.profile ?? null,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        smoke: { type: 'boolean', default: false },
        url: { type: 'string' },
        beside: { type: 'string' },
        realm: { type: 'string', default: 'realm1' },
        runs: { type: 'string' },
        name: { type: 'string' },
        note: { type: 'string' },
        'no-report': { type: 'boolean', default: false },
        profile: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new BenchError(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
}
