import type { LogEvent, LogFields } from '../../src/telemetry/log-events.js';
import type { Logger, LogLevel } from '../../src/telemetry/logger.js';

export interface LogLine {
  readonly level: LogLevel;
  readonly event: LogEvent;
  readonly fields: LogFields;
}

/** Keeps every line of every level, and its children's with them. */
export class RecordingLogger implements Logger {
  readonly lines: LogLine[] = [];
  readonly #waiting = new Set<() => void>();

  readonly trace = this.#keep('trace');
  readonly debug = this.#keep('debug');
  readonly info = this.#keep('info');
  readonly warn = this.#keep('warn');
  readonly error = this.#keep('error');
  readonly fatal = this.#keep('fatal');

  setLevel(): void {
    // Records all levels.
  }

  child(): Logger {
    return this;
  }

  of(event: LogEvent): LogLine[] {
    return this.lines.filter((line) => line.event === event);
  }

  /** Resolves once `count` lines of the event have been written. */
  async until(event: LogEvent, count = 1): Promise<void> {
    while (this.of(event).length < count) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  #keep(level: LogLevel): (fields: LogFields, event: LogEvent) => void {
    return (fields, event) => {
      this.lines.push({ level, event, fields });
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    };
  }
}
