import type { Logger } from '../../../telemetry/logger.js';
import type { LogFields } from '../../../telemetry/log-events.js';
import { RecurringLines } from '../../../telemetry/recurring-lines.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import type { StoreNotice } from '../ports.js';

export interface OutageLogOptions {
  readonly logger: Logger;
  readonly nowMs: () => number;
  readonly after: (delayMs: number, action: () => void) => () => void;
}

const REMINDER_MS = 60_000;

/**
 * Writes the log lines about the store. An outage, however long it lasts and whatever fails in it, has one line a minute. The
 * node itself logs its begin and end; an outage that was too short for that has one line here.
 */
export class OutageLog {
  readonly #options: OutageLogOptions;
  readonly #recurring: RecurringLines;
  #sinceMs: number | undefined;
  #isReported = false;
  #ignoresFailures = false;
  #hasConnected = false;
  #reason = '';
  #failedAttempt: string | undefined;
  #failureCount = 0;
  #cancelReminder: (() => void) | undefined;

  constructor(options: OutageLogOptions) {
    this.#options = options;
    this.#recurring = new RecurringLines(options);
  }

  /** Why other nodes cannot be reached, as known last. */
  get reason(): string {
    return this.#reason;
  }

  /** Why the last attempt to connect failed; undefined once all connections are ready. */
  get failedAttempt(): string | undefined {
    return this.#failedAttempt;
  }

  /** A notice of the connections to the store. */
  notice({ level, kind, message }: StoreNotice): void {
    const { logger } = this.#options;
    const fields = { reason: kind, message };
    if (kind === 'connected') this.#failedAttempt = undefined;
    else if (kind === 'attempt_failed') this.#failedAttempt = message;
    if (kind === 'lost') this.begin(message);
    else if (kind === 'connected' && !this.#hasConnected) {
      this.#hasConnected = true;
      logger[level](fields, 'backplane.store');
    } else if (kind !== 'connected' && !this.#belongsToOutage(kind, message)) {
      this.#recurring.log(`${kind} ${message}`, (omitted) =>
        logger[level]({ ...fields, ...omitted }, 'backplane.store'),
      );
    }
  }

  /** A request failed that is tried again. */
  requestFailed(operation: string, cause: unknown): void {
    if (this.#ignoresFailures) return;
    // The cause of an outage is what the connections reported; this error adds nothing.
    const isVague = cause instanceof BackplaneUnavailableError && cause.cause === undefined;
    if (this.#belongsToOutage('request', isVague ? this.#reason : messageOf(cause))) return;
    const about = cause instanceof BackplaneUnavailableError ? { message: messageOf(cause) } : { error: cause };
    this.#recurring.log(operation, (omitted) =>
      this.#options.logger.warn({ reason: operation, ...about, ...omitted }, 'backplane.request_failed'),
    );
  }

  /** Other nodes cannot be reached from now on. Idempotent. */
  begin(reason: string): void {
    if (this.#sinceMs !== undefined) return;
    this.#sinceMs = this.#options.nowMs();
    this.#reason = reason;
    this.#failureCount = 0;
    this.#remindLater();
  }

  /** The outage was reported to the node, which logs it. */
  reported(): void {
    this.#isReported = true;
  }

  /** Other nodes can be reached again. */
  end(): void {
    const { logger } = this.#options;
    if (this.#sinceMs === undefined) return;
    const fields = { reason: 'lost', message: this.#reason, ...this.#figures(this.#sinceMs) };
    if (!this.#isReported) {
      this.#recurring.log('lost', (omitted) => logger.warn({ ...fields, ...omitted }, 'backplane.store'));
    }
    this.#clear();
  }

  /** The node stops: requests that fail from now on need no line. */
  ignoreFailures(): void {
    this.#ignoresFailures = true;
  }

  stop(): void {
    this.#ignoresFailures = true;
    this.#clear();
  }

  #clear(): void {
    this.#sinceMs = undefined;
    this.#isReported = false;
    this.#cancelReminder?.();
  }

  /** Whether it needs no line of its own. Faults that an operator has to mend have one. */
  #belongsToOutage(kind: string, message: string): boolean {
    if (this.#sinceMs === undefined || kind === 'unusable' || kind === 'may_evict' || kind === 'small_buffer')
      return false;
    this.#failureCount++;
    this.#reason = message;
    return true;
  }

  #remindLater(): void {
    this.#cancelReminder = this.#options.after(REMINDER_MS, () => {
      if (this.#sinceMs === undefined) return;
      const fields = { reason: 'still_down', message: this.#reason, ...this.#figures(this.#sinceMs) };
      this.#options.logger.warn({ ...fields, count: this.#failureCount }, 'backplane.store');
      this.#remindLater();
    });
  }

  #figures(sinceMs: number): LogFields {
    return { durationMs: Math.round(this.#options.nowMs() - sinceMs) };
  }
}

/** With its cause, which is what an operator looks for. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${messageOf(error.cause)}` : error.message;
}
