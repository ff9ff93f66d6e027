import type { ChildProcess } from 'node:child_process';
import cluster from 'node:cluster';
import type { Readiness } from '../transport/ops-server.js';
import { withTimeout } from '../util/timeout.js';
import type { FromProcess, ProcessAddresses } from './messages.js';
import { PLACE_VARIABLE, placeText, type Place } from './place.js';

/** The end of a process. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The reason why the system could not start the process. */
  readonly error?: Error;
}

/** A process that sends nothing for this long hangs. */
const SILENT_MS = 30_000;
/** The readiness that a process has sent counts for this long. */
const FRESH_MS = 5_000;
/** Longest wait for the metrics of one process. */
const METRICS_LIMIT_MS = 3_000;

/** Decides which program the processes run: the module and its arguments. Once, before the first. */
export function setProgram(file: string, words: readonly string[]): void {
  // Their errors and log lines go where those of the parent go.
  cluster.setupPrimary({ exec: file, args: [...words], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

/** One of the processes of a machine: a node. RawSocket listeners of several processes share their port through the parent. */
export class ManagedProcess {
  readonly place: Place;
  /** Resolves when it is ready for clients, or with undefined when it ends before. */
  readonly started: Promise<ProcessAddresses | undefined>;
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcess;
  readonly #nowMs: () => number;
  readonly #startedMs: number;
  /** Requests for metrics that the process has not answered, by number. */
  readonly #asked = new Map<number, (page: string | undefined) => void>();
  #request = 0;
  #readiness: Readiness = { ready: false, reason: 'starting' };
  #lastMs: number;
  #isStarted = false;
  #isStopping = false;
  #hasExited = false;

  constructor(place: Place, nowMs: () => number) {
    this.place = place;
    this.#nowMs = nowMs;
    this.#startedMs = this.#lastMs = nowMs();
    const worker = cluster.fork({ [PLACE_VARIABLE]: placeText(place) });
    this.#child = worker.process;
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve(this.#ended({ code, signal })));
      // The worker emits the errors of its process. Without this listener each of them would end the parent.
      worker.on('error', (error) => {
        if (this.#child.pid === undefined) resolve(this.#ended({ code: null, signal: null, error }));
      });
    });
    this.started = this.#receive();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Milliseconds since the start of this process. */
  get ageMs(): number {
    return this.#nowMs() - this.#startedMs;
  }

  /** The parent has asked the process to end. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  get isRunning(): boolean {
    return !this.#hasExited;
  }

  /** The process has started, and then sent nothing for `SILENT_MS`. */
  get isSilent(): boolean {
    return this.#isStarted && !this.#hasExited && this.#nowMs() - this.#lastMs > SILENT_MS;
  }

  get readiness(): Readiness {
    if (this.#hasExited) return { ready: false, reason: 'ended' };
    if (this.#isStarted && this.#nowMs() - this.#lastMs > FRESH_MS) return { ready: false, reason: 'does not answer' };
    return this.#readiness;
  }

  /** Undefined: it does not answer in time. */
  async metrics(): Promise<string | undefined> {
    const request = ++this.#request;
    const answered = new Promise<string | undefined>((resolve) => this.#asked.set(request, resolve));
    try {
      if (!this.#child.connected || !this.#isStarted) return undefined;
      this.#child.send({ kind: 'metrics', request }, () => undefined);
      return await withTimeout(METRICS_LIMIT_MS, answered, () => new Error('late'));
    } catch {
      return undefined;
    } finally {
      this.#asked.delete(request);
    }
  }

  /** Lets it drain and end. Idempotent: a second SIGTERM would end it at once. */
  stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#child.kill('SIGTERM');
  }

  /** Lets it read its configuration again. */
  reload(): void {
    this.#child.kill('SIGHUP');
  }

  /** Ends it at once. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #ended(exit: ProcessExit): ProcessExit {
    this.#hasExited = true;
    for (const answer of this.#asked.values()) answer(undefined);
    return exit;
  }

  #receive(): Promise<ProcessAddresses | undefined> {
    return new Promise((resolve) => {
      void this.exited.then(() => resolve(undefined));
      this.#child.on('message', (message: FromProcess) => {
        this.#lastMs = this.#nowMs();
        switch (message.kind) {
          case 'started':
            this.#isStarted = true;
            resolve(message.addresses);
            break;
          case 'state':
            this.#readiness = message.readiness;
            break;
          case 'metrics':
            this.#asked.get(message.request)?.(message.page);
        }
      });
    });
  }
}
