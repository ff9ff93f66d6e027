import { performance } from 'node:perf_hooks';
import type { Config } from '../config/schema.js';
import { startNode, type RunningNode } from '../node/node.js';
import { isOperational } from '../node/operational-error.js';
import type { ParentLink } from '../processes/parent-link.js';
import { createCounters } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import { watchDescriptors } from '../transport/bounds/descriptors.js';
import { inlineMore } from './compiler.js';
import { ExitCode } from './exit-code.js';
import { greetingFor } from './greeting.js';
import {
  DRAIN_GRACE_MS,
  leave,
  startLogging,
  STOP_LIMIT_MS,
  watchSignals,
  type SignalHooks,
  type StartOptions,
} from './process-life.js';
import { inTime } from './signals.js';

/** How long to wait for the store of the cluster, which may have been started at the same time. */
const START_LIMIT_MS = 30_000;
/** Timers of Node.js may fire this much early. */
const TIMER_SLACK_MS = 5;

/**
 * Runs a node until SIGTERM or SIGINT, drains it and ends the process, whatever a failed start or an unresponsive
 * socket leaves open. A second signal ends it at once. `parent`: this is one of several processes, and the parent prints
 * the greeting, gets Ctrl-C, and sends SIGTERM.
 */
export async function start(config: Config, options: StartOptions, parent?: ParentLink): Promise<never> {
  const { validity, load, print, printError } = options;
  inlineMore();
  const counters = createCounters();
  const logger = startLogging(config, options, counters);
  const reload = { now: (): void => undefined };
  const hooks: SignalHooks = { reload: () => reload.now() };
  const signalled = watchSignals(logger, parent === undefined ? hooks : { ...hooks, endingSignals: ['SIGTERM'] });
  if (parent !== undefined) process.on('SIGINT', () => undefined);
  watchDescriptors(logger);
  const abort = new AbortController();
  const starting = startNode(config, {
    logger,
    counters,
    validity,
    load,
    isPortShared: parent !== undefined,
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
  const node = started;
  if (parent === undefined) print(greetingFor(config, addresses));
  else parent.started(addresses, { readiness: () => node.readiness(), metricsPage: () => node.metricsPage() }, logger);
  logger.info({ signal: await signalled }, 'node.signal');
  return leave(await end(started, config.drain.deadlineMs, logger));
}

async function end(node: RunningNode, deadlineMs: number, logger: Logger): Promise<ExitCode> {
  const startedMs = performance.now();
  const isDrained = await inTime(node.drain(), deadlineMs + DRAIN_GRACE_MS);
  const isLate = !isDrained || performance.now() - startedMs >= deadlineMs - TIMER_SLACK_MS;
  if (isLate) logger.warn({ durationMs: deadlineMs }, 'node.drain_deadline_passed');
  const isStopped = await inTime(node.stop(), STOP_LIMIT_MS);
  return isLate || !isStopped ? ExitCode.FAILED : ExitCode.DONE;
}
