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
 * What the log has of the store. However long an outage lasts and whatever fails in it: its reason when it begins, one line a
 * minute, and one when it is over; that it began and ended is an event of the node, unless it was too short for one.
 */
export class OutageLog {
  readonly #options: OutageLogOptions;
  readonly #recurring: RecurringLines;
  #sinceMs: number | undefined;
  #isDown = false;
  #hasConnected = false;
  #reason = '';
  #failureCount = 0;
  #cancelReminder: (() => void) | undefined;

  constructor(options: OutageLogOptions) {
    this.#options = options;
    this.#recurring = new RecurringLines(options);
  }

  /** Why others cannot be reached, as known last. */
  get reason(): string {
    return this.#reason;
  }

  /** What the connections to the store have to say. */
  notice({ level, kind, message }: StoreNotice): void {
    const { logger } = this.#options;
    const fields = { reason: kind, message };
    if (kind === 'lost') this.lost(message);
    else if (kind === 'connected' && !this.#hasConnected) {
      this.#hasConnected = true;
      logger[level](fields, 'backplane.store');
    } else if (kind !== 'connected' && !this.#belongsToOutage(kind, message)) {
      this.#recurring.say(`${kind} ${message}`, (omitted) =>
        logger[level]({ ...fields, ...omitted }, 'backplane.store'),
      );
    }
  }

  /** Something failed that is tried again. */
  trouble(operation: string, cause: unknown): void {
    // That the store is away is known; why is what its connections say.
    const isVague = cause instanceof BackplaneUnavailableError && cause.cause === undefined;
    if (this.#belongsToOutage('trouble', isVague ? this.#reason : messageOf(cause))) return;
    const about = cause instanceof BackplaneUnavailableError ? { message: messageOf(cause) } : { error: cause };
    this.#recurring.say(operation, (omitted) =>
      this.#options.logger.warn({ reason: operation, ...about, ...omitted }, 'backplane.request_failed'),
    );
  }

  /** Others cannot be reached as of now. Idempotent. */
  lost(reason: string): void {
    if (this.#sinceMs !== undefined) return;
    this.#sinceMs = this.#options.nowMs();
    this.#reason = reason;
    this.#failureCount = 0;
    this.#remindLater();
  }

  /** The node has been told, and logs it. */
  down(): void {
    this.#isDown = true;
  }

  /** The others can be reached again. */
  regained(): void {
    const { logger } = this.#options;
    if (this.#sinceMs === undefined) return;
    const fields = { reason: 'lost', message: this.#reason, ...this.#figures(this.#sinceMs) };
    if (!this.#isDown) {
      this.#recurring.say('lost', (omitted) => logger.warn({ ...fields, ...omitted }, 'backplane.store'));
    }
    this.end();
  }

  end(): void {
    this.#sinceMs = undefined;
    this.#isDown = false;
    this.#cancelReminder?.();
  }

  /** Whether it needs no line of its own. What somebody has to mend has one. */
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

/** With what caused it: that is what an operator looks for. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${messageOf(error.cause)}` : error.message;
}
