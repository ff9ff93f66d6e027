import type { Counters } from '../telemetry/counters.js';
import type { LogFields } from '../telemetry/log-events.js';
import type { Logger } from '../telemetry/logger.js';
import type { CloseCause } from '../transport/connection.js';
import type { Fault } from '../wamp/faults.js';
import { ErrorUri } from '../wamp/uris.js';
import type { EstablishedSession } from './established-session.js';

export interface ReportsOptions {
  readonly counters: Counters;
  readonly logger: Logger;
}

/** Counts and logs what happens to the sessions of one connection. */
export class SessionReports {
  readonly #counters: Counters;
  readonly #logger: Logger;
  readonly #remoteAddress: string;

  constructor({ counters, logger }: ReportsOptions, remoteAddress: string) {
    this.#counters = counters;
    this.#logger = logger;
    this.#remoteAddress = remoteAddress;
  }

  opened(session: EstablishedSession): void {
    this.#logger.debug(this.#about(session), 'session.opened');
  }

  closed(session: EstablishedSession, reason: string): void {
    this.#logger.debug({ ...this.#about(session), reason }, 'session.closed');
  }

  refused(reason: string, message: string): void {
    this.#counters.sessionsRefused.all++;
    this.#logger.info({ ...this.#about(undefined), reason, message }, 'session.refused');
  }

  /** A message that the router made, of the type `code`, has no form in the serializer of the connection. */
  unsendable(code: number, flaw: string): void {
    const message = `message ${code} cannot be encoded: ${flaw}`;
    this.#logger.warn({ ...this.#about(undefined), message }, 'session.unsendable');
  }

  /** Counts and logs an ABORT, and returns the cause with which the connection closes. */
  aborted({ error, message }: Fault, session: EstablishedSession | undefined): CloseCause {
    const fields = { ...this.#about(session), reason: error, message };
    switch (error) {
      case ErrorUri.PROTOCOL_VIOLATION:
        this.#counters.violations.all++;
        this.#logger.info(fields, 'session.violation');
        return 'protocol_violation';
      case ErrorUri.LIMIT_EXCEEDED:
        this.#logger.info(fields, 'session.limit_reached');
        return 'limit';
      default:
        return 'abort';
    }
  }

  #about(session: EstablishedSession | undefined): LogFields {
    return {
      remoteAddress: this.#remoteAddress,
      realm: session?.realm,
      session: session?.session,
      authid: session?.authid,
      authrole: session?.authrole,
    };
  }
}
