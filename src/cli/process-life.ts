import { datesFlaw } from '../config/keys/key-pair.js';
import type { Config } from '../config/schema.js';
import type { LoadedConfig } from '../node/reload/config-reloader.js';
import type { Counters } from '../telemetry/counters.js';
import { createLogger, type Logger } from '../telemetry/logger.js';
import { standardError } from '../telemetry/standard-error.js';
import { ExitCode } from './exit-code.js';
import { firstSignal, inTime, onOtherSignals } from './signals.js';

export interface StartOptions extends Omit<LoadedConfig, 'config'> {
  /** The configuration file, for the log. */
  readonly file: string | undefined;
  /** Reads and checks the configuration again. */
  readonly load: () => LoadedConfig;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
}

/**
 * A drain ends by itself at its deadline, and closes all remaining sessions then: it must not be interrupted in that.
 */
export const DRAIN_GRACE_MS = 250;
/** Time for a node to leave the cluster and to release its sockets after the drain: several round trips to Redis. */
export const STOP_LIMIT_MS = 4_000;
/** Time for the last log lines to reach a file. */
const LOG_LIMIT_MS = 500;

/** The logger of a process, with which any bug is logged before the process ends. */
export function startLogging(
  config: Config,
  { file, advice, validity }: Pick<StartOptions, 'file' | 'advice' | 'validity'>,
  counters: Counters,
): Logger {
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

export interface SignalHooks {
  /** SIGHUP. */
  readonly reload: () => void;
  /** SIGUSR2. Default: it is ignored. */
  readonly replace?: () => void;
  /** Called before a second signal ends the process at once. */
  readonly hurry?: () => void;
  /** Default: SIGTERM and SIGINT. */
  readonly endingSignals?: readonly NodeJS.Signals[];
}

/** Resolves with the first signal that ends the process gracefully. A second one ends it at once. */
export function watchSignals(
  logger: Logger,
  { reload, replace, hurry, endingSignals = ['SIGTERM', 'SIGINT'] }: SignalHooks,
): Promise<NodeJS.Signals> {
  const signalled = firstSignal(endingSignals, (signal) => {
    logger.warn({ signal, message: 'second signal: ending at once' }, 'node.signal');
    hurry?.();
    process.exit(ExitCode.FAILED);
  });
  const ignored = (signal: NodeJS.Signals): void =>
    logger.info({ signal, message: 'ignored: SIGTERM ends the node' }, 'node.signal');
  onOtherSignals({
    isInTerminal: process.stdin.isTTY,
    reload: (signal) => {
      logger.info({ signal, message: 'the node reads its configuration again' }, 'node.signal');
      reload();
    },
    replace: (signal) => {
      if (replace === undefined) ignored(signal);
      else replace();
    },
    ignored,
  });
  return signalled;
}

/** Ends the process when its log is written. */
export async function leave(code: ExitCode): Promise<never> {
  await inTime(standardError().settled(), LOG_LIMIT_MS);
  return process.exit(code);
}
