import { performance } from 'node:perf_hooks';
import { planReload, type ReloadPlan } from '../config/reload.js';
import type { Config } from '../config/schema.js';
import { authority } from '../node/authority.js';
import { ConfigReloader, type LoadedConfig } from '../node/reload/config-reloader.js';
import { isOperational } from '../node/operational-error.js';
import { checkPortsAreFree } from '../processes/free-ports.js';
import { setProgram } from '../processes/managed-process.js';
import { METRICS_CONTENT_TYPE, Processes } from '../processes/processes.js';
import { createCounters, type Counters } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import { OpsServer } from '../transport/ops-server.js';
import { ExitCode } from './exit-code.js';
import { greetingFor, type Addresses } from './greeting.js';
import { DRAIN_GRACE_MS, leave, startLogging, STOP_LIMIT_MS, watchSignals, type StartOptions } from './process-life.js';

/** Time for a process to end after its node has. */
const EXIT_LIMIT_MS = 2_000;

export interface StartProcessesOptions extends StartOptions {
  readonly count: number;
}

/**
 * Runs several nodes at the same ports, each in a process of its own, until SIGTERM or SIGINT; then all drain together.
 * SIGHUP puts a changed configuration into effect, SIGUSR2 replaces the processes one by one, for a new version of the
 * program.
 */
export async function startProcesses(config: Config, options: StartProcessesOptions): Promise<never> {
  const { count, print, printError } = options;
  const counters = createCounters();
  const logger = startLogging(config, options, counters);
  setProgram(process.argv[1] ?? '', process.argv.slice(2));
  const processes = new Processes({ count, counters, logger, nowMs: () => performance.now() });
  const parent = new Parent(config, options, { processes, counters, logger });
  const signalled = watchSignals(logger, {
    reload: () => void parent.reload(),
    replace: () => void parent.replace(),
    hurry: () => processes.kill(),
  });
  let started: Awaited<ReturnType<Parent['start']>> | NodeJS.Signals;
  try {
    started = await Promise.race([parent.start(), signalled]);
  } catch (error) {
    if (!isOperational(error)) throw error;
    printError(`gantry: cannot start: ${error.message}\n`);
    return leave(ExitCode.FAILED);
  }
  if (started === undefined) {
    await processes.stop(STOP_LIMIT_MS);
    printError(`gantry: cannot start: one of ${count} processes did not start, for the reason above\n`);
    return leave(ExitCode.FAILED);
  }
  if (typeof started !== 'string') print(greetingFor(config, started));
  logger.info({ signal: await signalled }, 'node.signal');
  return leave((await parent.stop()) ? ExitCode.DONE : ExitCode.FAILED);
}

interface ParentParts {
  readonly processes: Processes;
  readonly counters: Counters;
  readonly logger: Logger;
}

/** The parent of several processes. It has the parts that they share: the endpoint of health and metrics above all. */
class Parent {
  #config: Config;
  readonly #count: number;
  readonly #processes: Processes;
  readonly #logger: Logger;
  readonly #reloader: ConfigReloader;
  readonly #ops: OpsServer | undefined;

  constructor(config: Config, { count, load }: StartProcessesOptions, { processes, counters, logger }: ParentParts) {
    this.#config = config;
    this.#count = count;
    this.#processes = processes;
    this.#logger = logger;
    this.#reloader = new ConfigReloader({ load, apply: (loaded) => this.#apply(loaded), counters, logger });
    const metrics = { contentType: METRICS_CONTENT_TYPE, page: () => processes.metricsPage() };
    if (config.ops.enabled)
      this.#ops = new OpsServer(config.ops, { isReady: () => processes.readiness(), metrics }, logger);
  }

  /** Undefined: a process did not start. */
  async start(): Promise<Addresses | undefined> {
    await checkPortsAreFree(this.#config);
    const ops = await this.#ops?.start();
    const addresses = await this.#processes.start();
    if (addresses === undefined) return undefined;
    this.#logger.info({ count: this.#count, url: addresses.ws }, 'processes.ready');
    return ops === undefined
      ? addresses
      : { ...addresses, ops: `http://${authority(this.#config.ops.host, ops.port)}/` };
  }

  async reload(): Promise<void> {
    await this.#reloader.reload();
  }

  async replace(): Promise<void> {
    this.#logger.info({ count: this.#count }, 'processes.replacing');
    const isDone = await this.#processes.replaceAll();
    if (isDone) this.#logger.info({ count: this.#count }, 'processes.replaced');
    else this.#logger.error({ message: 'a new process did not start, and the old ones stay' }, 'processes.replaced');
  }

  async stop(): Promise<boolean> {
    const limitMs = this.#config.drain.deadlineMs + DRAIN_GRACE_MS + STOP_LIMIT_MS + EXIT_LIMIT_MS;
    const isDone = await this.#processes.stop(limitMs);
    await this.#ops?.stop();
    return isDone;
  }

  /** Each process reloads what needs no restart. For the rest the processes are replaced, but for the settings of the parent. */
  async #apply(loaded: LoadedConfig): Promise<Pick<ReloadPlan, 'changed' | 'needsRestart'>> {
    const { changed, needsRestart } = planReload(this.#config, loaded.config);
    const ofParent = needsRestart.filter(isOfParent);
    const ofProcesses = needsRestart.filter((path) => !isOfParent(path));
    await checkPortsAreFree(loaded.config, this.#config);
    const { ops, processes, log } = this.#config;
    const { format, maxUnwrittenBytes } = log;
    this.#config = { ...loaded.config, ops, processes, log: { ...loaded.config.log, format, maxUnwrittenBytes } };
    this.#logger.setLevel(loaded.config.log.level);
    if (ofProcesses.length === 0) this.#processes.reload();
    else void this.replace();
    return { changed: [...changed, ...ofProcesses], needsRestart: ofParent };
  }
}

/** Settings that only the parent reads. */
function isOfParent(path: string): boolean {
  return path === 'processes' || path.startsWith('ops.') || path === 'log.format' || path === 'log.maxUnwrittenBytes';
}
