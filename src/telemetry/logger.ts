import { performance } from 'node:perf_hooks';
import { isatty } from 'node:tty';
import { pino, stdSerializers, type DestinationStream, type Logger as Pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { Counters } from './counters.js';
import { LineBudget } from './line-budget.js';
import type { LogEvent, LogFields } from './log-events.js';
import { STANDARD_ERROR, standardError } from './standard-error.js';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** Structured logs: a constant event name, and fields. Never throws, never waits; lines over the budget are counted and left out. */
export interface Logger {
  trace(fields: LogFields, event: LogEvent): void;
  debug(fields: LogFields, event: LogEvent): void;
  info(fields: LogFields, event: LogEvent): void;
  warn(fields: LogFields, event: LogEvent): void;
  error(fields: LogFields, event: LogEvent): void;
  fatal(fields: LogFields, event: LogEvent): void;
  /** Changes the least severe level that is logged, also by the parent and the children of this logger. */
  setLevel(level: LogLevel): void;
  /** A logger that adds these fields to each line. Shares the budget of its parent. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  /** Default: info. */
  readonly level?: LogLevel;
  /** `auto`, the default: pretty when the destination is a terminal, else JSON. */
  readonly format?: 'auto' | 'json' | 'pretty';
  /** Lines per second of all events together, errors excepted. Default: 100. */
  readonly maxLinesPerSecond?: number;
  /** Default: 20. */
  readonly maxLinesPerSecondPerEvent?: number;
  /** Receives complete lines. Default: standard error, which takes no more than it can and loses no line at an exit. */
  readonly destination?: DestinationStream;
  /** Bytes of lines that may wait for a standard error that takes none. Default: 1 MiB. */
  readonly maxUnwrittenBytes?: number;
  readonly counters?: Counters;
  /** Monotonic milliseconds, for the budget. */
  readonly nowMs?: () => number;
}

const MAX_TEXT_LENGTH = 512;
const SECRETS = ['password', 'passphrase', 'secret', 'ticket', 'token', 'signature', 'authextra', 'key'];

export function createLogger(options: LoggerOptions = {}): Logger {
  const { destination, counters, maxUnwrittenBytes } = options;
  const sink = new Sink(options);
  const logger = new BudgetedLogger(createPino(options, destination ?? standardError()), sink);
  if (destination === undefined) {
    const shared = standardError();
    if (maxUnwrittenBytes !== undefined) shared.maxUnwrittenBytes = maxUnwrittenBytes;
    shared.onFate = (fate, lineCount) => {
      if (counters !== undefined) counters.logLines[fate] += lineCount;
    };
    shared.onRecovered = (count) => logger.warn({ count }, 'log.dropped');
  }
  return logger;
}

/** Writes nothing. For tests and for parts that were given no logger. */
export const silentLogger: Logger = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  fatal: () => undefined,
  setLevel: () => undefined,
  child: () => silentLogger,
};

type WritingLevel = Exclude<LogLevel, 'silent'>;

class BudgetedLogger implements Logger {
  readonly #pino: Pino;
  readonly #sink: Sink;

  constructor(lines: Pino, sink: Sink) {
    this.#pino = lines;
    this.#sink = sink;
  }

  trace(fields: LogFields, event: LogEvent): void {
    this.#sink.write(this.#pino, 'trace', fields, event);
  }

  debug(fields: LogFields, event: LogEvent): void {
    this.#sink.write(this.#pino, 'debug', fields, event);
  }

  info(fields: LogFields, event: LogEvent): void {
    this.#sink.write(this.#pino, 'info', fields, event);
  }

  warn(fields: LogFields, event: LogEvent): void {
    this.#sink.write(this.#pino, 'warn', fields, event);
  }

  error(fields: LogFields, event: LogEvent): void {
    this.#sink.write(this.#pino, 'error', fields, event);
  }

  fatal(fields: LogFields, event: LogEvent): void {
    this.#sink.write(this.#pino, 'fatal', fields, event);
  }

  setLevel(level: LogLevel): void {
    this.#sink.setLevel(level);
  }

  child(fields: LogFields): Logger {
    return new BudgetedLogger(this.#pino.child(shorten(fields)), this.#sink);
  }
}

const SEVERITY: Readonly<Record<LogLevel, number>> = { ...pino.levels.values, silent: Infinity } as Record<
  LogLevel,
  number
>;

/** The level, the budget and the summary of suppressed lines, shared by a logger and its children. */
class Sink {
  readonly #budget: LineBudget;
  #leastSeverity: number;
  readonly #counters: Counters | undefined;
  readonly #nowMs: () => number;
  /** Else the destination knows what became of a line. */
  readonly #isCounting: boolean;
  #summary: NodeJS.Timeout | undefined;

  constructor({ level = 'info', maxLinesPerSecond = 100, maxLinesPerSecondPerEvent = 20, ...options }: LoggerOptions) {
    const { counters, nowMs, destination } = options;
    this.#isCounting = destination !== undefined;
    this.#leastSeverity = SEVERITY[level];
    this.#budget = new LineBudget({ maxLinesPerSecond, maxLinesPerSecondPerEvent });
    this.#counters = counters;
    this.#nowMs = nowMs ?? (() => performance.now());
  }

  setLevel(level: LogLevel): void {
    this.#leastSeverity = SEVERITY[level];
  }

  write(lines: Pino, level: WritingLevel, fields: LogFields, event: LogEvent): void {
    if (SEVERITY[level] < this.#leastSeverity) return;
    const nowMs = this.#nowMs();
    if (this.#budget.take(event, level === 'error' || level === 'fatal', nowMs)) {
      this.#print(lines, level, fields, event);
    } else {
      if (this.#counters !== undefined) this.#counters.logLines.suppressed++;
      this.#summary ??= setTimeout(() => this.#summarize(lines), this.#budget.remainingMs(nowMs)).unref();
    }
  }

  #print(lines: Pino, level: WritingLevel, fields: LogFields, event: LogEvent): void {
    if (this.#isCounting && this.#counters !== undefined) this.#counters.logLines.written++;
    lines[level](shorten(fields), event);
  }

  #summarize(lines: Pino): void {
    this.#summary = undefined;
    for (const suppression of this.#budget.takeSuppressed()) this.#print(lines, 'warn', suppression, 'log.suppressed');
  }
}

function createPino(options: LoggerOptions, destination: DestinationStream): Pino {
  return pino(
    {
      // The sink decides, for all loggers together.
      level: 'trace',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'msg',
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.errWithCause, url: withoutCredentials },
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    createStream(options, destination),
  );
}

function createStream({ format = 'auto', ...options }: LoggerOptions, lines: DestinationStream): DestinationStream {
  const isTerminal = options.destination === undefined && isatty(STANDARD_ERROR);
  if (format === 'json' || (format === 'auto' && !isTerminal)) return lines;
  // Neither a worker thread nor a stream between: both would lose the last lines before an exit.
  const prettify = prettyFactory({ colorize: isTerminal, translateTime: 'SYS:HH:MM:ss.l', singleLine: true });
  return { write: (line) => lines.write(prettify(line)) };
}

/** Text from the network is cut: one line must not become as long as a message. */
function shorten(fields: LogFields): LogFields {
  const shortened: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    shortened[name] =
      typeof value === 'string' && value.length > MAX_TEXT_LENGTH ? `${value.slice(0, MAX_TEXT_LENGTH)}…` : value;
  }
  return shortened;
}

function withoutCredentials(url: unknown): unknown {
  return typeof url === 'string' ? url.replace(/\/\/[^/@]*@/, '//[redacted]@') : url;
}
