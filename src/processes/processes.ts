import type { Counters } from '../telemetry/counters.js';
import { parentMetrics, sharedParentMetrics } from '../telemetry/parent-metrics.js';
import type { Logger } from '../telemetry/logger.js';
import type { Readiness } from '../transport/ops-server.js';
import { SingleFlight } from '../util/single-flight.js';
import { after } from '../util/timeout.js';
import { ManagedProcess } from './managed-process.js';
import { mergedPage, type ProcessPage } from './merged-page.js';
import type { ProcessAddresses } from './messages.js';

export interface ProcessesOptions {
  readonly count: number;
  /** Counters of the parent. */
  readonly counters: Counters;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/** The text format of Prometheus. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
/** Pauses before a process that has ended is started again: doubled from the first to the longest. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A process that has run for this long ended for a new reason. */
const STABLE_MS = 60_000;
const CHECK_MS = 1_000;

/**
 * The processes of one machine, each a node of the cluster, on one port. Starts again those that end by themselves or
 * hang, and replaces them one by one.
 */
export class Processes {
  readonly #options: ProcessesOptions;
  /** The process at each place. */
  readonly #current: ManagedProcess[] = [];
  /** Processes that still drain while another one has their place. */
  readonly #replaced = new Set<ManagedProcess>();
  readonly #pausesMs: number[] = [];
  readonly #replacing = new SingleFlight(() => this.#replaceEach());
  /** The process that starts to take a place that another one still has. */
  #successor: ManagedProcess | undefined;
  #restartCount = 0;
  #isUp = false;
  #isStopping = false;
  #checking: NodeJS.Timeout | undefined;

  constructor(options: ProcessesOptions) {
    this.#options = options;
  }

  /** Resolves when all are ready for clients, with their addresses. Undefined: one of them could not start, or `stop` came first. */
  async start(): Promise<ProcessAddresses | undefined> {
    if (this.#mustStop()) return undefined;
    const indexes = Array.from({ length: this.#options.count }, (_, index) => index);
    const all = await Promise.all(indexes.map((index) => this.#spawn(index).started));
    if (this.#mustStop() || all.some((addresses) => addresses === undefined)) return undefined;
    this.#isUp = true;
    this.#checking = setInterval(() => this.#endSilent(), CHECK_MS);
    // A process that was ready may have ended while the others were starting.
    for (const one of this.#current) if (!one.isRunning) this.#restart(one);
    return all[0];
  }

  /** Ready while one of them is: clients reach only those that listen. */
  readiness(): Readiness {
    if (this.#isStopping) return { ready: false, reason: 'draining' };
    const all = this.#current.map(({ readiness }) => readiness);
    if (all.some(({ ready }) => ready)) return { ready: true };
    const reasons = new Set(all.map(({ reason }) => reason ?? 'unknown'));
    return { ready: false, reason: reasons.size === 0 ? 'starting' : [...reasons].join('; ') };
  }

  /** The metrics of all processes, each sample with the label `process`, and those of this parent. */
  async metricsPage(): Promise<string> {
    const { count, counters } = this.#options;
    const pages: ProcessPage[] = await Promise.all(
      this.#current.map(async (one) => ({ process: one.place.index, page: (await one.metrics()) ?? '' })),
    );
    const readyCount = this.#current.filter(({ readiness }) => readiness.ready).length;
    pages.push({ process: 'parent', page: sharedParentMetrics(counters) });
    const own = parentMetrics({ count, readyCount, restartCount: this.#restartCount });
    return `${mergedPage(pages)}${own}`;
  }

  /** Each reads its configuration again. */
  reload(): void {
    for (const one of this.#all()) if (!one.isStopping) one.reload();
  }

  /**
   * Starts a successor of each process and lets the process drain once the successor is ready, one by one. Resolves to false
   * when a successor does not start: then the others stay. Callers that ask meanwhile share the next round.
   */
  replaceAll(): Promise<boolean> {
    return this.#replacing.run();
  }

  /** Lets all drain and end; ends those that still run after `limitMs`. Resolves to whether all ended well. */
  async stop(limitMs: number): Promise<boolean> {
    this.#isStopping = true;
    clearInterval(this.#checking);
    const all = this.#all();
    for (const one of all) one.stop();
    const cancel = after(limitMs, () => this.kill());
    const exits = await Promise.all(all.map(({ exited }) => exited));
    cancel();
    return exits.every(({ code }) => code === 0);
  }

  /** Ends all at once. */
  kill(): void {
    for (const one of this.#all()) one.kill();
  }

  // A method, because the compiler would not see that it may change in an await.
  #mustStop(): boolean {
    return this.#isStopping;
  }

  #all(): ManagedProcess[] {
    return [...this.#current, ...this.#replaced];
  }

  #spawn(index: number): ManagedProcess {
    const { count, nowMs, logger } = this.#options;
    const started = new ManagedProcess({ index, count }, nowMs);
    this.#current[index] = started;
    logger.info({ process: index, pid: started.pid }, 'process.started');
    void this.#watch(started);
    return started;
  }

  async #watch(one: ManagedProcess): Promise<void> {
    const { index } = one.place;
    const { code, signal, error } = await one.exited;
    const wasAsked = one.isStopping || this.#isStopping;
    this.#options.logger[wasAsked ? 'info' : 'error'](
      { process: index, pid: one.pid, code: code ?? undefined, signal: signal ?? undefined, error },
      'process.ended',
    );
    if (!wasAsked && this.#isUp && this.#current[index] === one && this.#successor !== one) this.#restart(one);
  }

  #restart(ended: ManagedProcess): void {
    const { index } = ended.place;
    const pauseMs = ended.ageMs >= STABLE_MS ? FIRST_PAUSE_MS : (this.#pausesMs[index] ?? FIRST_PAUSE_MS);
    this.#pausesMs[index] = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    this.#options.logger.warn({ process: index, durationMs: pauseMs }, 'process.restarting');
    after(pauseMs, () => {
      // Another one may have its place by now.
      if (this.#isStopping || this.#current[index] !== ended) return;
      this.#restartCount++;
      this.#spawn(index);
    });
  }

  #endSilent(): void {
    for (const one of this.#all()) {
      if (!one.isSilent) continue;
      this.#options.logger.error({ process: one.place.index, pid: one.pid }, 'process.unresponsive');
      one.kill();
    }
  }

  async #replaceEach(): Promise<boolean> {
    for (let index = 0; index < this.#options.count; index++) {
      if (this.#isStopping || !(await this.#replace(index))) return false;
    }
    return true;
  }

  async #replace(index: number): Promise<boolean> {
    const old = this.#current[index];
    if (old === undefined) return false;
    this.#replaced.add(old);
    const next = this.#spawn(index);
    this.#successor = next;
    const addresses = await next.started;
    this.#successor = undefined;
    if (addresses === undefined && old.isRunning) {
      this.#current[index] = old;
      this.#replaced.delete(old);
      return false;
    }
    if (addresses === undefined) this.#restart(next);
    old.stop();
    await old.exited;
    this.#replaced.delete(old);
    return addresses !== undefined;
  }
}
