import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { pinned, routerCores } from '../routers/process.js';

/** Not compiled: it loads the router that was built. */
const entry = fileURLToPath(new URL('../../../bench/cluster/node-host.mjs', import.meta.url));

type Question =
  | { readonly ask: 'enter' | 'leave' | 'gone'; readonly name: string }
  | { readonly ask: 'watch'; readonly name: string; readonly topicPrefix: string; readonly count: number }
  | { readonly ask: 'counts' };

type Answer =
  | { readonly id: number; readonly reply: readonly (number | null)[] | null }
  | { readonly id: number; readonly error: string };

interface Waiting {
  readonly resolve: (reply: readonly (number | null)[]) => void;
  readonly reject: (error: Error) => void;
}

/** A process with several nodes that have no clients, on the core of the routers. */
export class NodeHost {
  /** Nodes that have entered and not left. */
  readonly names = new Set<string>();
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #questions = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (answer: Answer) => this.#receive(answer));
    child.on('exit', (exitCode, signal) => {
      const error = new Error(`a process with nodes ended with ${signal ?? String(exitCode)}`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  /** `backplane`: as in the configuration. */
  static async start(backplane: object): Promise<NodeHost> {
    const [command, ...words] = pinned(routerCores, [process.execPath, entry, JSON.stringify(backplane)]);
    const child = spawn(command!, words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const host = new NodeHost(child);
    await new Promise<void>((resolve, reject) => host.#waiting.set(0, { resolve: () => resolve(), reject }));
    return host;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async enter(name: string): Promise<void> {
    await this.#ask({ ask: 'enter', name });
    this.names.add(name);
  }

  async leave(name: string): Promise<void> {
    await this.#ask({ ask: 'leave', name });
    this.names.delete(name);
  }

  async watch(name: string, topicPrefix: string, count: number): Promise<void> {
    await this.#ask({ ask: 'watch', name, topicPrefix, count });
  }

  /** How many nodes each node knows, itself included. */
  counts(): Promise<readonly (number | null)[]> {
    return this.#ask({ ask: 'counts' });
  }

  /** When each node received that this one is gone, by `monotonicMs`; null: not yet. */
  gone(name: string): Promise<readonly (number | null)[]> {
    return this.#ask({ ask: 'gone', name });
  }

  /** Ends the process as a crash does. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  #ask(question: Question): Promise<readonly (number | null)[]> {
    this.#questions += 1;
    const id = this.#questions;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, ...question });
    });
  }

  #receive(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting?.reject(new Error(answer.error));
    else waiting?.resolve(answer.reply ?? []);
  }
}

/** The clock of the node hosts. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
