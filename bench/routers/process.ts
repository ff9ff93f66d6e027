import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { BenchError } from '../failure.js';
import { childrenOf, residentBytes } from '../measure/cpu.js';
import type { ProbeReply } from './probe.js';
import type { Memory, RunningRouter } from './router.js';

export const canPin = availableParallelism() > 1 && spawnSync('taskset', ['-V']).status === 0;

/** The router has the first core for itself; load and runner share the others. */
export const routerCores = '0';
export const loadCores = `1-${availableParallelism() - 1}`;

/** The command that runs `argv` on these cores only, where the system can. */
export function pinned(cores: string, argv: readonly string[]): string[] {
  return canPin ? ['taskset', '-c', cores, ...argv] : [...argv];
}

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) endTree(child.pid, 'SIGKILL');
});

export interface Launch {
  readonly name: string;
  readonly argv: readonly string[];
  readonly port: number;
  readonly path: string;
  /** The cores that it may use; absent: that of the routers. */
  readonly cores?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  readonly hasProbe?: boolean;
  /** Asked to end, and given the time, rather than killed. */
  readonly endsByItself?: boolean;
  readonly startTimeoutMs?: number;
}

/** A router that this process has started. */
export interface Launched extends RunningRouter {
  readonly pid: number;
}

/** Starts a router on its cores and waits until its port accepts connections. */
export async function launch(options: Launch): Promise<Launched> {
  const [command, ...rest] = pinned(options.cores ?? routerCores, options.argv);
  const child = spawn(command!, rest, {
    env: { ...process.env, ...options.environment },
    cwd: options.directory,
    stdio: ['ignore', 'pipe', 'pipe', ...(options.hasProbe === true ? ['ipc' as const] : [])],
  });
  alive.add(child);
  const life = watch(child);
  const deadline = performance.now() + (options.startTimeoutMs ?? 60_000);
  while (!(await accepts(options.port))) {
    if (life.ended !== null) throw new BenchError(`${options.name} ${life.ended}:\n${life.output}`);
    if (performance.now() > deadline) {
      endTree(child.pid, 'SIGKILL');
      throw new BenchError(`${options.name} does not listen on port ${options.port}:\n${life.output}`);
    }
    await pause(20);
  }
  return {
    url: `ws://127.0.0.1:${options.port}${options.path}`,
    pid: child.pid!,
    memory: () => (options.hasProbe === true ? askProbe(child) : Promise.resolve(outsideView(child.pid!))),
    stop: () => stop(child, options.endsByItself === true),
  };
}

interface Life {
  /** The end of its output. */
  output: string;
  ended: string | null;
}

function watch(child: ChildProcess): Life {
  const life: Life = { output: '', ended: null };
  const keep = (chunk: Buffer): void => {
    life.output = (life.output + chunk.toString()).slice(-4000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.on('error', (error) => (life.ended = error.message));
  child.on('exit', (exitCode, signal) => {
    alive.delete(child);
    life.ended ??= `ended with ${signal ?? String(exitCode)}`;
  });
  return life;
}

const FIRST_PORT = 10_000;
const PORT_COUNT = 10_000;

/**
 * A port that nobody listens on. Below those that systems hand out by themselves, so that no other connection gets it before the router
 * listens there.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + randomInt(PORT_COUNT);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

function outsideView(pid: number): Memory {
  return { residentBytes: residentBytes(pid), heapBytes: null };
}

function askProbe(child: ChildProcess): Promise<Memory> {
  return new Promise((resolve, reject) => {
    child.once('message', (reply: ProbeReply) => {
      resolve({ residentBytes: residentBytes(child.pid!), heapBytes: reply.heapBytes });
    });
    child.send({ ask: 'memory' }, (error) => {
      if (error !== null) reject(error);
    });
  });
}

const endTimeoutMs = 20_000;

async function stop(child: ChildProcess, endsByItself: boolean): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  if (endsByItself) {
    endTree(child.pid, 'SIGTERM');
    await Promise.race([exited, pause(endTimeoutMs)]);
  }
  // Otherwise nothing is left to drain: the load has gone.
  endTree(child.pid, 'SIGKILL');
  await exited;
}

function endTree(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  const children = childrenOf(pid);
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
  for (const child of children) endTree(child, signal);
}
