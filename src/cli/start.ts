import { performance } from 'node:perf_hooks';
import { datesFlaw } from '../config/key-pair.js';
import type { Config } from '../config/schema.js';
import type { LoadedConfig } from '../node/config-reloader.js';
import { startNode, type RunningNode } from '../node/node.js';
import { isOperational } from '../node/operational-error.js';
import { createCounters, type Counters } from '../telemetry/counters.js';
import { createLogger, type Logger } from '../telemetry/logger.js';
import { standardError } from '../telemetry/standard-error.js';
import { watchDescriptors } from '../transport/descriptors.js';
import { ExitCode } from './exit-code.js';
import { greeting, greetingLine } from './greeting.js';
import { firstSignal, inTime, onOtherSignals } from './signals.js';
import { version } from '../node/version.js';

/**
 * A drain ends by itself at its deadline, and closes all remaining sessions then: it must not be interrupted in that.
 */
const DRAIN_GRACE_MS = 250;
/** How long to wait for the store of the cluster, which may have been started at the same time. */
const START_LIMIT_MS = 30_000;
/** Time for a node to leave the cluster and to release its sockets after the drain: several round trips to Redis. */
const STOP_LIMIT_MS = 4_000;
/** Time for the last log lines to reach a file. */
const LOG_LIMIT_MS = 500;
/** Timers of Node.js may fire this much early. */
const TIMER_SLACK_MS = 5;

export interface StartOptions extends Omit<LoadedConfig, 'config'> {
  /** The configuration file, for the log. */
  readonly file: string | undefined;
  /** Reads and checks the configuration again. */
  readonly load: () => LoadedConfig;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
}

/**
 * Runs a node until SIGTERM or SIGINT, drains it and ends the process, whatever a failed start or an unresponsive
 * socket leaves open. A second signal ends it at once.
 */
export async function start(config: Config, options: StartOptions): Promise<never> {
  const { validity, load, print, printError } = options;
  const counters = createCounters();
  const logger = startLogging(config, options, counters);
  const reload = { now: (): void => undefined };
  const signalled = watchSignals(logger, () => reload.now());
  watchDescriptors(logger);
  const abort = new AbortController();
  const starting = startNode(config, {
    logger,
    counters,
    validity,
    load,
    startTimeoutMs: START_LIMIT_MS,
    abort: abort.signal,
  });
  let started: RunningNode | NodeJS.Signals;
  try {
    started = await Promise.race([starting, signalled]);
  } catch (error) {
    if (!isOperational(error)) throw error;
    printError(`gantry: cannot start: ${error.message}\n`);
    return leave(ExitCode.FAILED);
  }
  if (typeof started === 'string') {
    logger.info({ signal: started }, 'node.signal');
    abort.abort();
    const ended = starting.then(
      (node) => node.stop(),
      () => undefined,
    );
    return leave((await inTime(ended, STOP_LIMIT_MS)) ? ExitCode.DONE : ExitCode.FAILED);
  }
  const { addresses } = started;
  reload.now = () => void started.reload();
  // Where each line has to be JSON, as in a container, the greeting is JSON too.
  print(
    config.log.format === 'json'
      ? greetingLine(version(), addresses)
      : greeting(version(), addresses, config.realms[0]?.name),
  );
  logger.info({ signal: await signalled }, 'node.signal');
  return leave(await end(started, config.drain.deadlineMs, logger));
}

function startLogging(config: Config, { file, advice, validity }: StartOptions, counters: Counters): Logger {
  const { level, format, maxUnwrittenBytes } = config.log;
  const maxLinesPerSecond = config.limits.maxLogLinesPerSecond;
  const logger = createLogger({ level, format, maxUnwrittenBytes, maxLinesPerSecond, counters });
  logger.info({ file }, 'config.loaded');
  for (const message of advice) logger.warn({ message }, 'config.questionable');
  const flaw = validity && datesFlaw(validity, Date.now());
  if (flaw !== undefined) logger.warn({ message: `listen.tls.certFile: ${flaw}` }, 'config.questionable');
  process.on('uncaughtException', (error) => {
    logger.fatal({ error }, 'node.failed');
    process.exit(ExitCode.BUG);
  });
  return logger;
}

/** Resolves with the first signal that ends the node. A second one ends the process at once. */
function watchSignals(logger: Logger, reload: () => void): Promise<NodeJS.Signals> {
  const signalled = firstSignal((signal) => {
    logger.warn({ signal, message: 'second signal: ending at once' }, 'node.signal');
    process.exit(ExitCode.FAILED);
  });
  onOtherSignals({
    isInTerminal: process.stdin.isTTY,
    reload: (signal) => {
      logger.info({ signal, message: 'the node reads its configuration again' }, 'node.signal');
      reload();
    },
    ignored: (signal) => logger.info({ signal, message: 'ignored: SIGTERM ends the node' }, 'node.signal'),
  });
  return signalled;
}

async function leave(code: ExitCode): Promise<never> {
  await inTime(standardError().settled(), LOG_LIMIT_MS);
  return process.exit(code);
}

async function end(node: RunningNode, deadlineMs: number, logger: Logger): Promise<ExitCode> {
  const startedMs = performance.now();
  const isDrained = await inTime(node.drain(), deadlineMs + DRAIN_GRACE_MS);
  const isLate = !isDrained || performance.now() - startedMs >= deadlineMs - TIMER_SLACK_MS;
  if (isLate) logger.warn({ durationMs: deadlineMs }, 'node.drain_deadline_passed');
  const isStopped = await inTime(node.stop(), STOP_LIMIT_MS);
  return isLate || !isStopped ? ExitCode.FAILED : ExitCode.DONE;
}
