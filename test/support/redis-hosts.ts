import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { StartedTestContainer } from 'testcontainers';
import { endingWithUs } from './children.js';
import { engineAnswers, hasImage } from './docker.js';

/** What runs redis-server: start it, end it, freeze it. One server at a time. */
export interface RedisHost {
  /** Where the server finds a folder of this machine. */
  start(args: readonly string[], folder: string, ports: readonly number[]): Promise<void>;
  /** Why it ended by itself, or undefined. */
  fault(): string | undefined;
  /** Ends it at once, without a word to its clients. Idempotent. */
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
}

/** `process`, `container` or `url` where GANTRY_TEST_REDIS asks for it; `process` where GANTRY_TEST_REDIS_SERVER names a program. */
export function forcedKind(): string | undefined {
  const kind = process.env['GANTRY_TEST_REDIS'];
  if (kind === undefined || kind === '') return namedServer() === undefined ? undefined : 'process';
  if (['process', 'container', 'url'].includes(kind)) return kind;
  throw new Error(`GANTRY_TEST_REDIS is "${kind}": expected process, container or url`);
}

/** For tests that end and freeze their server: a process where there is one, since that is quick. */
export async function faultyHost(): Promise<RedisHost> {
  const kind = forcedKind();
  if (kind === 'container') return containerHost();
  if (kind !== 'process' && installed() === undefined && (await canContain())) return containerHost();
  return new ProcessHost(binary());
}

/** For tests that only use it: a container where an engine answers, so that it is the version that is meant. */
export async function ordinaryHost(): Promise<RedisHost> {
  const kind = forcedKind();
  if (kind === 'container' || (kind !== 'process' && (await canContain()))) return containerHost();
  return new ProcessHost(binary());
}

/** For servers that must reach each other at the addresses by which tests know them. */
export function processHost(): RedisHost {
  return new ProcessHost(binary());
}

/** The server that `processHost` starts. */
export function serverVersion(): { readonly name: 'Redis' | 'Valkey'; readonly major: number } {
  const text = execFileSync(binary(), ['--version'], { encoding: 'utf8' });
  const [, name, major] = /^(Redis|Valkey) server v=(\d+)/.exec(text) ?? [];
  if (name === undefined) throw new Error(`${binary()} --version prints: ${text}`);
  return { name: name as 'Redis' | 'Valkey', major: Number(major) };
}

/** Whether the server has TLS: all do, but perhaps one that GANTRY_TEST_REDIS_SERVER names. */
export function hasTls(): boolean {
  const named = namedServer();
  if (named === undefined) return true;
  // It ends at once, because files are missing or because it has no TLS.
  const { stdout } = spawnSync(named, ['--port', '0', '--tls-port', '1'], { encoding: 'utf8', timeout: 30_000 });
  return !stdout.includes('Missing implement of connection type tls');
}

class ProcessHost implements RedisHost {
  readonly #binary: string;
  #child: ChildProcess | undefined;
  /** The newest line of the server's log: why it ended, where it did. */
  #lastLine = '';

  constructor(binary: string) {
    this.#binary = binary;
  }

  start(args: readonly string[], folder: string): Promise<void> {
    const child = endingWithUs(
      spawn(this.#binary, [...args, '--bind', '127.0.0.1', '--dir', folder], {
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
    createInterface(child.stdout).on('line', (line) => (this.#lastLine = line));
    this.#child = child;
    return Promise.resolve();
  }

  fault(): string | undefined {
    const code = this.#child?.exitCode;
    return code === null || code === undefined
      ? undefined
      : `${this.#binary} ended with code ${code} (${this.#lastLine})`;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }
}

class ContainerHost implements RedisHost {
  #container: StartedTestContainer | undefined;

  async start(args: readonly string[], folder: string, ports: readonly number[]): Promise<void> {
    // Published ports are on this machine, also where it is a container itself that has an engine of its own.
    process.env['TESTCONTAINERS_HOST_OVERRIDE'] ??= '127.0.0.1';
    const { GenericContainer, Wait } = await import('testcontainers');
    this.#container = await new GenericContainer(image())
      .withCommand(['redis-server', ...args, '--dir', folder, '--protected-mode', 'no'])
      .withBindMounts([{ source: folder, target: folder }])
      .withExposedPorts(...ports.map((port) => ({ container: port, host: port })))
      .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
      .start();
  }

  fault(): undefined {
    return undefined;
  }

  async kill(): Promise<void> {
    const container = this.#container;
    this.#container = undefined;
    await container?.stop({ timeout: 0 });
  }

  pause(): void {
    this.#order('pause');
  }

  resume(): void {
    this.#order('unpause');
  }

  #order(verb: string): void {
    if (this.#container !== undefined) execFileSync('docker', [verb, this.#container.getId()], { stdio: 'ignore' });
  }
}

async function containerHost(): Promise<RedisHost> {
  if (!(await canContain())) throw new Error(`GANTRY_TEST_REDIS is "container", but no engine can run ${image()}`);
  return new ContainerHost();
}

let isContainable: Promise<boolean> | undefined;

function canContain(): Promise<boolean> {
  isContainable ??= engineAnswers() ? hasImage(image()) : Promise.resolve(false);
  return isContainable;
}

function image(): string {
  return process.env['GANTRY_TEST_REDIS_IMAGE'] ?? 'redis:7';
}

let found: string | undefined;

/** A server program of this machine. */
function installed(): string | undefined {
  const named = namedServer();
  if (named !== undefined && !runs(named))
    throw new Error(`GANTRY_TEST_REDIS_SERVER names ${named}, which does not run`);
  found ??= named ?? ['redis-server', 'valkey-server'].find(runs);
  return found;
}

/** The program that all tests start in place of an installed one: another version of Redis, or Valkey. */
function namedServer(): string | undefined {
  const program = process.env['GANTRY_TEST_REDIS_SERVER'];
  return program === '' ? undefined : program;
}

const WHAT_TO_DO = 'install redis-server 7 or later, or have Docker running';

/** Once, before several test files want a server at the same time: has one installed where that is the only way to get one. */
export async function prepareServer(): Promise<void> {
  const isElsewhere = ['container', 'url'].includes(forcedKind() ?? '');
  if (isElsewhere || installed() !== undefined || (await canContain())) return;
  binary();
}

function binary(): string {
  if (installed() === undefined && mayInstall()) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    try {
      execFileSync('apt-get', ['update'], { stdio: 'ignore', env });
      execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server'], { stdio: 'ignore', env });
    } catch (cause) {
      throw new Error(`apt-get could not install redis-server: ${WHAT_TO_DO}`, { cause });
    }
  }
  const program = installed();
  if (program === undefined) throw new Error(`tests with Redis need a server: ${WHAT_TO_DO}`);
  return program;
}

function mayInstall(): boolean {
  return process.getuid?.() === 0 && runs('apt-get');
}

function runs(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
