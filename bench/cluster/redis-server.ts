import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { Redis } from 'ioredis';
import { BenchError } from '../failure.js';
import { freePort, launch } from '../routers/process.js';

const servers = ['redis-server', 'valkey-server'];

/** Calls of each command so far, those within scripts included. */
export type CommandCalls = ReadonlyMap<string, number>;

export interface RunningRedis {
  readonly url: string;
  readonly pid: number;
  readonly version: string;
  calls(): Promise<CommandCalls>;
  stop(): Promise<void>;
}

/** A server of one's own, on the core of the routers, without persistence. */
export async function startRedis(): Promise<RunningRedis> {
  const server = servers.find((name) => spawnSync(name, ['--version']).status === 0);
  if (server === undefined) throw new BenchError(`the cluster needs ${servers.join(' or ')} in the PATH`);
  const port = await freePort();
  const words = ['--bind', '127.0.0.1', '--dir', tmpdir(), '--save', '', '--appendonly', 'no'];
  // On a core that many share a subscriber falls behind: that is no reason to lose what is counted.
  words.push('--client-output-buffer-limit', 'pubsub 256mb 256mb 60');
  const running = await launch({ name: server, argv: [server, '--port', String(port), ...words], port, path: '' });
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => null });
  // It ends before its server does.
  client.on('error', () => undefined);
  const info = await client.info('server');
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: running.pid,
    version: `${server} ${/(?:redis|valkey)_version:(\S+)/.exec(info)?.[1] ?? 'unknown'}`,
    calls: async () => callsOf(await client.info('commandstats')),
    stop: () => {
      client.disconnect();
      return running.stop();
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

/** Calls of all commands, or of one, between two counts. */
export function callsBetween(before: CommandCalls, after: CommandCalls, command?: string): number {
  const names = command === undefined ? [...after.keys()] : [command];
  return names.reduce((sum, name) => sum + (after.get(name) ?? 0) - (before.get(name) ?? 0), 0);
}
