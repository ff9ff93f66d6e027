import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { BenchError } from '../failure.js';
import { freePort, launch, routerCores } from '../routers/process.js';

const servers = ['redis-server', 'valkey-server'];
const ours = [
  ...['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
  // On a core that many share a subscriber falls behind: that is no reason to lose what is counted.
  ...['--client-output-buffer-limit', 'pubsub 256mb 256mb 60'],
];

/** Calls of each command so far, those within scripts included. */
export type CommandCalls = ReadonlyMap<string, number>;

export interface RedisOptions {
  /** The cores that it may use; absent: that of the routers. */
  readonly cores?: string;
  /** More arguments. */
  readonly words?: readonly string[];
}

export interface RunningRedis {
  readonly url: string;
  /** The URL of the same server over its Unix socket. */
  readonly socketUrl: string;
  readonly port: number;
  readonly pid: number;
  readonly version: string;
  calls(): Promise<CommandCalls>;
  command(name: string, ...words: readonly (string | number)[]): Promise<unknown>;
  stop(): Promise<void>;
}

/** A server of one's own without persistence. */
export async function startRedis({ cores = routerCores, words = [] }: RedisOptions = {}): Promise<RunningRedis> {
  const server = servers.find((name) => spawnSync(name, ['--version']).status === 0);
  if (server === undefined) throw new BenchError(`the cluster needs ${servers.join(' or ')} in the PATH`);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'gantry-bench-'));
  const socket = join(folder, 'redis.sock');
  const argv = [server, '--port', String(port), '--unixsocket', socket, '--dir', folder, ...ours, ...words];
  const running = await launch({ name: server, argv, port, path: '', cores });
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => null });
  // It ends before its server does.
  client.on('error', () => undefined);
  const info = await client.info('server');
  return {
    url: `redis://127.0.0.1:${port}`,
    socketUrl: `unix:${socket}`,
    port,
    pid: running.pid,
    version: `${server} ${/(?:redis|valkey)_version:(\S+)/.exec(info)?.[1] ?? 'unknown'}`,
    calls: async () => callsOf(await client.info('commandstats')),
    command: (name, ...rest) => client.call(name, ...rest),
    stop: async () => {
      client.disconnect();
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Counts the calls of each command, without those of this runner. */
function callsOf(info: string): CommandCalls {
  const all = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(
    ([, name, calls]) => [name!, Number(calls)] as const,
  );
  return new Map(all.filter(([name]) => name !== 'info'));
}

/** Calls of all commands, or of some, between two counts. */
export function callsBetween(before: CommandCalls, after: CommandCalls, ...commands: readonly string[]): number {
  const names = commands.length === 0 ? [...after.keys()] : commands;
  return names.reduce((sum, name) => sum + (after.get(name) ?? 0) - (before.get(name) ?? 0), 0);
}
