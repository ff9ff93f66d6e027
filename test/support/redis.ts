import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { loadScripts } from '../../src/backplane/redis/script.js';
import type { Store } from '../../src/backplane/redis/ports.js';
import { freePort } from './free-port.js';

export interface RedisOptions {
  /** More arguments of redis-server: `['--requirepass', 'secret']`. */
  readonly args?: readonly string[];
  /** What `command` signs in with. */
  readonly password?: string;
}

/** A prefix nobody else uses: a shared server keeps tests apart by it. */
export function randomPrefix(): string {
  return `t-${randomUUID()}`;
}

/** A server of one's own, empty, without persistence. End it with `stop`. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const server = new RedisServer(await freePort(), options);
  await server.start();
  return server;
}

export class RedisServer {
  readonly port: number;
  readonly url: string;
  readonly #options: RedisOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), 'gantry-redis-'));
  #child: ChildProcess | undefined;
  #client: Redis | undefined;

  constructor(port: number, options: RedisOptions) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#options = options;
  }

  /** Resolves once it answers. */
  async start(): Promise<void> {
    const ours = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const args = [...ours, '--dir', this.#folder, ...(this.#options.args ?? [])];
    const child = spawn(binary(), args, { stdio: 'ignore' });
    this.#child = child;
    alive.add(child);
    child.once('exit', () => alive.delete(child));
    while (!(await answers(this.port))) {
      if (child.exitCode !== null) throw new Error(`redis-server ${args.join(' ')} ended with code ${child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Ends it at once, without a word to its clients; data is lost. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.#client?.disconnect();
    this.#client = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  /** Ends it and removes what it left. Idempotent. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Freezes it: sockets stay open, nothing is answered. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Kills it and starts it again on the same port. */
  async restart({ keepData }: { readonly keepData: boolean }): Promise<void> {
    if (keepData) await this.command('SAVE');
    await this.kill();
    if (!keepData) rmSync(join(this.#folder, 'dump.rdb'), { force: true });
    await this.start();
  }

  async flushAll(): Promise<void> {
    await this.command('FLUSHALL');
  }

  /** For looking into it; strings, numbers, null and lists of them. */
  command(name: string, ...words: readonly (string | number)[]): Promise<unknown> {
    return this.#connected().call(name, ...words);
  }

  /** Scripts and scans without anything around them; see RedisConnections for the real one. Ends with the server. */
  plainStore(): Store {
    const scripts = loadScripts();
    const client = this.#connected();
    return {
      async run(script, input) {
        const { keys, argv } = script.encode(input);
        const text = scripts.get(script.file)?.text;
        if (text === undefined) throw new Error(`there is no ${script.file}`);
        return script.decode(await client.eval(text, keys.length, ...keys, ...argv));
      },
      scanSet: (key) => client.sscanStream(key) as AsyncIterable<string[]>,
      async *scanHash(key) {
        for await (const flat of client.hscanStream(key) as AsyncIterable<string[]>) {
          yield flat.flatMap((field, at) => (at % 2 === 0 ? [[field, flat[at + 1] ?? ''] as const] : []));
        }
      },
    };
  }

  #connected(): Redis {
    if (this.#client === undefined) {
      const { password } = this.#options;
      this.#client = new Redis(this.port, '127.0.0.1', password === undefined ? {} : { password });
      this.#client.on('error', () => undefined);
    }
    return this.#client;
  }
}

const alive = new Set<ChildProcess>();
// A test file that forgot one, or was ended, leaves none behind.
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

let found: string | undefined;

function binary(): string {
  found ??= ['redis-server', 'valkey-server'].find(runs);
  if (found === undefined && process.getuid?.() === 0 && runs('apt-get')) {
    execFileSync('apt-get', ['install', '-y', 'redis-server'], { stdio: 'ignore' });
    found = 'redis-server';
  }
  if (found === undefined) {
    throw new Error('tests of the Redis backplane need a server: install redis-server 7 or later, or run Docker.');
  }
  return found;
}

function runs(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
