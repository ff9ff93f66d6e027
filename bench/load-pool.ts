import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Endpoint } from './load/endpoint.js';
import type { Command, FromWorker, Job, Outcome, Plan, ToWorker } from './load/job.js';
import { loadCores, pinned } from './routers/process.js';

const entry = fileURLToPath(new URL('./load/worker.js', import.meta.url));

const greatestNiceness = 19;

interface Pending {
  readonly resolve: (outcome: Outcome | null) => void;
  readonly reject: (error: Error) => void;
}

/** One load process. */
class LoadProcess {
  onProgress: (received: number) => void = () => undefined;
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #commands = 0;

  /** `niceness`: above 0 it yields the processor to those that measure. */
  constructor(cores: string, niceness = 0) {
    const nice = niceness > 0 ? ['nice', '-n', String(niceness)] : [];
    const [command, ...rest] = pinned(cores, [...nice, process.execPath, entry]);
    this.#child = spawn(command!, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (message: FromWorker) => this.#receive(message));
    this.#child.on('exit', (exitCode) => this.#ended(`the load process ended with ${exitCode}`));
  }

  ask(command: Command): Promise<Outcome | null> {
    this.#commands += 1;
    const id = this.#commands;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#send({ id, command });
    });
  }

  reportProgress(remote: number, received: number): void {
    this.#send({ progress: { remote, received } });
  }

  finish(): void {
    this.#send({ finish: true });
  }

  end(): void {
    this.#child.disconnect();
  }

  #send(message: ToWorker): void {
    this.#child.send(message);
  }

  #receive(message: FromWorker): void {
    if ('progress' in message) {
      this.onProgress(message.progress.received);
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if ('error' in message) pending?.reject(new Error(message.error));
    else pending?.resolve(message.outcome);
  }

  #ended(why: string): void {
    for (const { reject } of this.#pending.values()) reject(new Error(why));
    this.#pending.clear();
  }
}

/** A load that is connected: one process for each job, the first of which sends. */
export interface OpenLoad {
  /** Runs the plan in every process and verifies everywhere what arrived. Sums up what was counted. */
  run(plan: Plan): Promise<Outcome | null>;
  /** Ends a run under way whose length is not given by what it does. */
  finish(): void;
  /** Throws when a connection was lost. */
  verify(): Promise<void>;
  close(): Promise<void>;
}

/** Load processes, kept from one run to the next so that they are warm. */
export class LoadPool {
  readonly #cores: string;
  readonly #idle: LoadProcess[] = [];

  constructor(cores = loadCores) {
    this.#cores = cores;
  }

  async open(endpoint: Endpoint, jobs: readonly Job[]): Promise<OpenLoad> {
    const processes = jobs.map(() => this.#idle.pop() ?? new LoadProcess(this.#cores));
    const [first, ...others] = processes;
    others.forEach((remote, index) => {
      remote.onProgress = (received) => first!.reportProgress(index, received);
    });
    const load: OpenLoad = {
      run: (plan) => runAll(processes, plan),
      finish: () => {
        for (const one of processes) one.finish();
      },
      verify: async () => {
        await Promise.all(processes.map((one) => one.ask({ command: 'verify', sent: 0 })));
      },
      close: async () => {
        await Promise.all(processes.map((one) => one.ask({ command: 'close' })));
        for (const one of processes) one.onProgress = () => undefined;
        this.#idle.push(...processes);
      },
    };
    try {
      // The publisher or caller comes last: its audience must be there.
      for (const [index, one] of [...processes.entries()].reverse()) {
        await one.ask({ command: 'open', endpoint, job: jobs[index]! });
      }
    } catch (error) {
      await load.close();
      throw error;
    }
    return load;
  }

  /**
   * In a process of its own, which ends with the load and yields to those that measure. With the greatest niceness it runs
   * only when no other process of the machine wants the processor.
   */
  async openApart(endpoint: Endpoint, job: Job, niceness = greatestNiceness): Promise<OpenLoad> {
    const apart = new LoadProcess(this.#cores, niceness);
    const load: OpenLoad = {
      run: (plan) => apart.ask({ command: 'run', plan }),
      finish: () => apart.finish(),
      verify: async () => {
        await apart.ask({ command: 'verify', sent: 0 });
      },
      close: async () => {
        await apart.ask({ command: 'close' });
        apart.end();
      },
    };
    try {
      await apart.ask({ command: 'open', endpoint, job });
    } catch (error) {
      await load.close();
      throw error;
    }
    return load;
  }

  stop(): void {
    for (const one of this.#idle.splice(0)) one.end();
  }
}

async function runAll(processes: readonly LoadProcess[], plan: Plan): Promise<Outcome | null> {
  const outcomes = await Promise.all(processes.map((one) => one.ask({ command: 'run', plan })));
  const lead = outcomes[0];
  if (lead === null || lead === undefined) return null;
  await Promise.all(processes.map((one) => one.ask({ command: 'verify', sent: lead.sent })));
  return { ...lead, messages: outcomes.reduce((sum, outcome) => sum + (outcome?.messages ?? 0), 0) };
}
