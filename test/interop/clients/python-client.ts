import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { SerializerId } from '../../../src/wamp/payload.js';
import { endingWithUs } from '../../support/children.js';
import { root } from '../../support/root.js';
import { AppError, type EventHandler, type Payload } from './app-client.js';

const PROGRAM = join(root, 'test/interop/clients/autobahn_python_session.py');

interface Line {
  readonly joined?: number;
  readonly left?: string;
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly uri: string; readonly args: unknown[] };
  readonly failure?: string;
  readonly event?: number;
  readonly args?: unknown[];
  readonly kwargs?: Record<string, unknown>;
  readonly publication?: number;
  readonly topic?: string;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Joins with a session of autobahn-python, in a process of its own. */
export function joinPython(python: string, url: string, serializer: SerializerId): Promise<PythonClient> {
  const child = endingWithUs(spawn(python, [PROGRAM, url, serializer]));
  let complaint = '';
  child.stderr.on('data', (text: Buffer) => (complaint += text.toString()));
  return new Promise((resolve, reject) => {
    child.once('close', () => reject(new Error(`autobahn-python has ended: ${complaint}`)));
    createInterface(child.stdout).once('line', (line) => {
      const { joined, left } = JSON.parse(line) as Line;
      if (joined === undefined) reject(new AppError(left ?? line));
      else resolve(new PythonClient(child, joined));
    });
  });
}

export class PythonClient {
  readonly session: number;
  /** The reason of the router's GOODBYE or ABORT. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, Waiting>();
  readonly #handlers: EventHandler[] = [];
  #orders = 0;
  #end!: (reason: string) => void;

  constructor(child: ChildProcessWithoutNullStreams, session: number) {
    this.#child = child;
    this.session = session;
    this.ended = new Promise((resolve) => (this.#end = resolve));
    createInterface(child.stdout).on('line', (line) => this.#receive(JSON.parse(line) as Line));
    child.once('close', () => this.#close());
  }

  async subscribe(topic: string, handler: EventHandler, options: object = {}): Promise<void> {
    await this.#order('subscribe', { topic, options, key: this.#handlers.push(handler) - 1 });
  }

  /** The procedure returns its arguments as a list. Resolves with the registration's id. */
  async register(procedure: string, options: object = {}): Promise<number> {
    return (await this.#order('register', { procedure, options })) as number;
  }

  async publish(topic: string, { args = [] }: Partial<Payload> = {}, options: object = {}): Promise<number> {
    return (await this.#order('publish', { topic, args, options })) as number;
  }

  call(procedure: string, { args = [], kwargs = {} }: Partial<Payload> = {}): { readonly result: Promise<Payload> } {
    return { result: this.#order('call', { procedure, args, kwargs }) as Promise<Payload> };
  }

  /** Details of a session as the library parses them. */
  readSession(details: unknown): Promise<unknown> {
    return this.#order('read_session', { details });
  }

  async leave(): Promise<void> {
    await this.#order('leave', {});
    await this.ended;
  }

  #order(name: string, words: object): Promise<unknown> {
    const id = ++this.#orders;
    this.#child.stdin.write(`${JSON.stringify({ id, do: name, with: words })}\n`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #receive({ left, id, result, error, failure, event, ...received }: Line): void {
    if (left !== undefined) this.#end(left);
    if (event !== undefined) {
      const { args = [], kwargs = {}, publication, topic } = received;
      this.#handlers[event]?.({ args, kwargs, topic, publisher: undefined, publication: publication! });
    }
    if (id === undefined) return;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error !== undefined) waiting?.reject(new AppError(error.uri, error.args));
    else if (failure !== undefined) waiting?.reject(new Error(failure));
    else waiting?.resolve(result);
  }

  #close(): void {
    this.#end('the process has ended');
    for (const { reject } of this.#waiting.values()) reject(new Error('autobahn-python has ended'));
    this.#waiting.clear();
  }
}
