import { performance } from 'node:perf_hooks';
import type { Config } from '../config/schema.js';
import { startNode, type RunningNode } from '../node.js';
import { createCounters } from '../telemetry/counters.js';
import { createLogger, type Logger } from '../telemetry/logger.js';
import { ExitCode } from './exit-code.js';
import { greeting } from './greeting.js';
import { firstSignal, inTime } from './signals.js';
import { version } from './version.js';

/** A drain ends by itself at its deadline, with GOODBYE to whoever is left: it must not be overtaken in that. */
const DRAIN_GRACE_MS = 250;
/** What a node may need to let go of its sockets after the drain. */
const STOP_LIMIT_MS = 2_000;
/** Timers of Node.js may fire this much early. */
const TIMER_SLACK_MS = 5;

export interface StartSurroundings {
  /** What the configuration was read from, for the log. */
  readonly file: string | undefined;
  readonly print: (text: string) => void;
  readonly complain: (text: string) => void;
}

/**
 * Runs a node until SIGTERM or SIGINT, drains it and ends the process: what a failed start or a deaf socket leaves
 * open must not keep it alive. A second signal ends it at once.
 */
export async function start(config: Config, { file, print, complain }: StartSurroundings): Promise<never> {
  const { level, format } = config.log;
  const counters = createCounters();
  const logger = createLogger({ level, format, maxLinesPerSecond: config.limits.maxLogLinesPerSecond, counters });
  logger.info({ file }, 'config.loaded');
  process.on('uncaughtException', (error) => {
    logger.fatal({ error }, 'node.failed');
    process.exit(ExitCode.BUG);
  });
  const signalled = firstSignal((signal) => {
    logger.warn({ signal, message: 'second signal: ending at once' }, 'node.signal');
    process.exit(ExitCode.FAILED);
  });
  let node: RunningNode;
  try {
    node = await startNode(config, { logger, counters });
  } catch (error) {
    if (!isOperational(error)) throw error;
    complain(`gantry: cannot start: ${error.message}\n`);
    return process.exit(ExitCode.FAILED);
  }
  print(greeting(version(), node.addresses, config.realms[0]?.name));
  logger.info({ signal: await signalled }, 'node.signal');
  return process.exit(await end(node, config.drain.deadlineMs, logger));
}

async function end(node: RunningNode, deadlineMs: number, logger: Logger): Promise<ExitCode> {
  const startedMs = performance.now();
  const isDrained = await inTime(node.drain(), deadlineMs + DRAIN_GRACE_MS);
  const isLate = !isDrained || performance.now() - startedMs >= deadlineMs - TIMER_SLACK_MS;
  if (isLate) logger.warn({ durationMs: deadlineMs }, 'node.drain_deadline_passed');
  const isStopped = await inTime(node.stop(), STOP_LIMIT_MS);
  return isLate || !isStopped ? ExitCode.FAILED : ExitCode.DONE;
}

/** A port in use, a store that does not answer: one sentence says it all. What has no code of ours or of the system is a bug. */
function isOperational(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && !error.code.startsWith('ERR_');
}
