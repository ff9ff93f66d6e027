import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem, type } from 'node:os';
import { uwsVersion } from '../relay/library.js';
import { canPin } from '../routers/process.js';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly uWebSockets: string;
  readonly pinned: boolean;
}

export function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    node: process.version,
    uWebSockets: uwsVersion,
    pinned: canPin,
  };
}

export interface Commit {
  readonly id: string;
  readonly hasLocalChanges: boolean;
}

export function commit(): Commit {
  const changed = git(['status', '--porcelain', '--untracked-files=no', '--', 'src', 'bench', 'package.json']);
  return { id: git(['rev-parse', '--short=12', 'HEAD']), hasLocalChanges: changed !== '' };
}

function git(args: readonly string[]): string {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}
