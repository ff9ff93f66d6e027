import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Store } from '../../src/backplane/redis/ports.js';
import { loadScripts } from '../../src/backplane/redis/scripts/loader.js';
import { freePort } from './free-port.js';
import { faultyHost, forcedKind, ordinaryHost, processHost, type RedisHost } from './redis-hosts.js';

export interface RedisOptions {
  /** More arguments of redis-server: `['--requirepass', 'secret']`. `{folder}` stands for where `files` are. */
  readonly args?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  /** Ports beside the plain one that `args` have it listen on. */
  readonly ports?: readonly number[];
  /** What `command` signs in with. */
  readonly password?: string;
}

/** A prefix nobody else uses: a shared server keeps tests apart by it. */
export function randomPrefix(): string {
  return `t-${randomUUID().slice(0, 23)}`;
}

/** A server of one's own, empty, without persistence, that may be ended and frozen. End it with `stop`. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const server = new RedisServer(await faultyHost(), await freePort(), options);
  await server.start();
  return server;
}

/** A server that is to know others, as its replica or by a Sentinel: a process. */
export async function startPeer(
  args: readonly string[] = [],
  options: Omit<RedisOptions, 'args'> = {},
): Promise<RedisServer> {
  const server = new RedisServer(processHost(), await freePort(), { ...options, args });
  await server.start();
  return server;
}

/** A Sentinel that watches one server as `name` and soon finds it dead. `lines` are more lines of its configuration. */
export async function startSentinel(
  name: string,
  watched: RedisServer,
  lines: readonly string[] = [],
): Promise<Sentinel> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'gantry-sentinel-'));
  const monitor = [
    `sentinel monitor ${name} 127.0.0.1 ${watched.port} 1`,
    `sentinel down-after-milliseconds ${name} 300`,
  ];
  const file = join(folder, 'sentinel.conf');
  writeFileSync(file, [...monitor, `sentinel failover-timeout ${name} 2000`, ...lines, ''].join('\n'));
  const host = processHost();
  await host.start([file, '--sentinel', '--port', `${port}`], folder, [port]);
  const stop = async (): Promise<void> => {
    await host.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { node: `127.0.0.1:${port}`, port, stop };
}

export interface Sentinel {
  /** `host:port` */
  readonly node: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** A server that others may use too, perhaps not here: everything under a prefix of one's own. */
export interface SharedRedis {
  readonly url: string;
  readonly prefix: string;
  command(name: string, ...words: readonly (string | number)[]): Promise<unknown>;
  stop(): Promise<void>;
}

/** The server that GANTRY_TEST_REDIS_URL names, or one in a container or process. End it with `stop`. */
export async function sharedRedis(): Promise<SharedRedis> {
  const prefix = randomPrefix();
  const url = process.env['GANTRY_TEST_REDIS_URL'];
  const kind = forcedKind();
  if (url !== undefined && url !== '' && (kind === undefined || kind === 'url')) {
    const client = new Redis(url);
    client.on('error', () => undefined);
    const stop = (): Promise<void> => {
      client.disconnect();
      return Promise.resolve();
    };
    return { url, prefix, command: (name, ...words) => client.call(name, ...words), stop };
  }
  if (kind === 'url') throw new Error('GANTRY_TEST_REDIS is "url", but GANTRY_TEST_REDIS_URL is not set');
  const server = await startOrdinary();
  return { url: server.url, prefix, command: (...words) => server.command(...words), stop: () => server.stop() };
}

async function startOrdinary(): Promise<RedisServer> {
  const server = new RedisServer(await ordinaryHost(), await freePort(), {});
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.stop();
    if (forcedKind() !== undefined) throw error;
    // An engine that answers and yet runs nothing.
    return startRedis();
  }
}

export class RedisServer {
  readonly port: number;
  readonly url: string;
  /** Where `files` are, for this machine and for the server. */
  readonly folder = mkdtempSync(join(tmpdir(), 'gantry-redis-'));
  readonly #host: RedisHost;
  readonly #options: RedisOptions;
  #client: Redis | undefined;

  constructor(host: RedisHost, port: number, options: RedisOptions) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#host = host;
    this.#options = options;
    // In a container it is another user who reads and writes here.
    chmodSync(this.folder, 0o777);
    for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(this.folder, name), text);
  }

  /** Resolves once it answers. */
  async start(): Promise<void> {
    const { args = [], ports = [] } = this.#options;
    const ours = ['--port', `${this.port}`, '--save', '', '--appendonly', 'no'];
    // By itself the bus takes the port 10000 higher, which may be anybody's.
    if (args.includes('--cluster-enabled')) ours.push('--cluster-port', `${await freePort()}`);
    const theirs = args.map((word) => word.replaceAll('{folder}', this.folder));
    await this.#host.start([...ours, ...theirs], this.folder, [this.port, ...ports]);
    const client = this.#connected();
    for (;;) {
      const answer = await client.ping().catch((error: unknown) => error);
      // It answers, if only that it requires a password.
      if (answer === 'PONG' || (answer instanceof Error && answer.name === 'ReplyError')) return;
      const fault = this.#host.fault();
      if (fault !== undefined) throw new Error(`${fault}: ${theirs.join(' ')}`);
    }
  }

  /** Ends it at once, without a word to its clients; data is lost. */
  async kill(): Promise<void> {
    this.#client?.disconnect();
    this.#client = undefined;
    await this.#host.kill();
  }

  /** Ends it and removes what it left. Idempotent. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Freezes it: sockets stay open, nothing is answered. */
  pause(): void {
    this.#host.pause();
  }

  resume(): void {
    this.#host.resume();
  }

  /** Kills it and starts it again on the same port. */
  async restart({ keepData }: { readonly keepData: boolean }): Promise<void> {
    if (keepData) await this.command('SAVE');
    await this.kill();
    if (!keepData) rmSync(join(this.folder, 'dump.rdb'), { force: true });
    await this.start();
  }

  async flushAll(): Promise<void> {
    await this.command('FLUSHALL');
  }

  /** For looking into it; strings, numbers, null and lists of them. */
  command(name: string, ...words: readonly (string | number | Buffer)[]): Promise<unknown> {
    return this.#connected().call(name, ...words);
  }

  /** A field of a hash, as bytes. */
  field(key: string, field: string): Promise<Buffer | null> {
    return this.#connected().hgetBuffer(key, field);
  }

  /** Scripts and scans without anything around them; see RedisConnections for the real one. Ends with the server. */
  plainStore({ oneSlot = false } = {}): Store {
    const scripts = loadScripts();
    const client = this.#connected();
    return {
      async run(script, input) {
        const { keys, argv } = script.encode(input);
        const text = scripts.get(script.file)?.text;
        if (text === undefined) throw new Error(`there is no ${script.file}`);
        // A server in cluster mode checks that all keys of a script have one slot only where the script declares its flags.
        const checked = oneSlot ? `#!lua\n${text}` : text;
        const words = argv.map((word) => (word instanceof Uint8Array ? Buffer.from(word) : word));
        const call = script.isBinary === true ? 'callBuffer' : 'call';
        return script.decode(await client[call]('EVAL', checked, keys.length, ...keys, ...words));
      },
      scanSet: (key) => client.sscanStream(key) as AsyncIterable<string[]>,
      async *scanHash(key) {
        for await (const flat of client.hscanBufferStream(key) as AsyncIterable<Buffer[]>) {
          yield flat.flatMap((field, at) => (at % 2 === 0 ? [[field.toString(), flat[at + 1]!] as const] : []));
        }
      },
    };
  }

  #connected(): Redis {
    if (this.#client === undefined) {
      const { password } = this.#options;
      const retryStrategy = (): number => 5;
      this.#client = new Redis(this.port, '127.0.0.1', {
        retryStrategy,
        maxRetriesPerRequest: 0,
        ...(password !== undefined && { password }),
      });
      this.#client.on('error', () => undefined);
    }
    return this.#client;
  }
}
