import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { endingWithUs } from './children.js';
import { freePort } from './free-port.js';
import { root } from './root.js';

export interface BalancedServer {
  readonly name: string;
  /** Where it takes clients. */
  readonly port: number;
  /** Where it has `/readyz`. */
  readonly opsPort: number;
}

const CHECK_EVERY_MS = 100;

/** The program: `GANTRY_TEST_HAPROXY`, or one that is installed. */
export function findHaproxy(): string | undefined {
  const chosen = process.env['GANTRY_TEST_HAPROXY'];
  if (chosen !== undefined && chosen !== '') return chosen;
  return ['haproxy', '/usr/sbin/haproxy'].find(runs);
}

/** Once, before tests: installs HAProxy where it may. Prints a line where there is none. */
export function prepareHaproxy(): Promise<void> {
  if (findHaproxy() === undefined)
    try {
      execFileSync('apt-get', ['update'], { stdio: 'ignore' });
      execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'haproxy'], { stdio: 'ignore' });
    } catch {
      console.info('HAProxy is left out: `apt-get install haproxy` fails; GANTRY_TEST_HAPROXY names another');
    }
  return Promise.resolve();
}

function runs(program: string): boolean {
  try {
    execFileSync(program, ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** HAProxy with the configuration of `deploy/haproxy`, but round robin, and with these servers at this machine. */
export class Haproxy {
  readonly url: string;
  readonly #statsUrl: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string, port: number, statsPort: number) {
    this.url = `http://127.0.0.1:${port}`;
    this.#statsUrl = `http://127.0.0.1:${statsPort}/;csv`;
    this.#child = child;
    this.#folder = folder;
  }

  /** `rules`: further lines of the backend. Resolves when it uses all servers. */
  static async start(program: string, servers: readonly BalancedServer[], rules: readonly string[]): Promise<Haproxy> {
    const [port, statsPort] = [await freePort(), await freePort()];
    const folder = mkdtempSync(join(tmpdir(), 'gantry-haproxy-'));
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(file, configurationOf(servers, rules, port, statsPort));
    const child = endingWithUs(spawn(program, ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] }));
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    const haproxy = new Haproxy(child, folder, port, statsPort);
    while (!(await haproxy.#usesAll(servers))) {
      if (child.exitCode !== null) throw new Error(`HAProxy ended:\n${output}`);
      await setTimeout(CHECK_EVERY_MS);
    }
    return haproxy;
  }

  async stop(): Promise<void> {
    const exit = this.#child.exitCode === null ? once(this.#child, 'exit') : undefined;
    this.#child.kill('SIGKILL');
    await exit;
    rmSync(this.#folder, { recursive: true });
  }

  /** Requests that each server has had, by its name. */
  async requests(): Promise<Record<string, number>> {
    const rows = await this.#servers();
    return Object.fromEntries(rows.map(({ svname = '', stot }) => [svname, Number(stot)]));
  }

  async #usesAll(servers: readonly BalancedServer[]): Promise<boolean> {
    try {
      const rows = await this.#servers();
      const used = rows.filter(({ status, check_status }) => status === 'UP' && check_status === 'L7OK');
      return used.length === servers.length;
    } catch {
      return false;
    }
  }

  async #servers(): Promise<Partial<Record<string, string>>[]> {
    const page = await (await fetch(this.#statsUrl)).text();
    const [names = [], ...rows] = page
      .replace(/^# /, '')
      .split('\n')
      .map((line) => line.split(','));
    return rows
      .map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])))
      .filter(({ pxname, svname }) => pxname === 'gantry' && svname !== 'BACKEND');
  }
}

function configurationOf(
  servers: readonly BalancedServer[],
  rules: readonly string[],
  port: number,
  statsPort: number,
): string {
  const lines = servers.map(({ name, port, opsPort }) => `server ${name} 127.0.0.1:${port} port ${opsPort}`);
  const changes: readonly (readonly [line: string, to: string])[] = [
    ['bind :8080', `bind 127.0.0.1:${port}`],
    ['bind :8404', `bind 127.0.0.1:${statsPort}`],
    ['balance leastconn', 'balance roundrobin'],
    ['default-server resolvers docker init-addr none resolve-prefer ipv4', ''],
    ['server-template node 20 gantry:8080', [...rules, ...lines].join('\n  ')],
  ];
  return changes.reduce(
    (text, [line, to]) => {
      const parts = text.split(`  ${line}\n`);
      if (parts.length !== 2) throw new Error(`deploy/haproxy/haproxy.cfg has not exactly one line "${line}"`);
      return parts.join(`  ${to}\n`);
    },
    readFileSync(join(root, 'deploy/haproxy/haproxy.cfg'), 'utf8'),
  );
}
