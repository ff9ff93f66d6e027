import type { AuthorizerTrouble } from '../../session/authorization/remote-authorizer.js';
import type { Logger } from '../../telemetry/logger.js';
import { RecurringLines } from '../../telemetry/recurring-lines.js';
import type { Uri } from '../../wamp/ids.js';

/** Logs what is wrong with authorizers, which may come with every message of their clients. */
export function logAuthorizerTroubles(
  logger: Logger,
  nowMs: () => number,
): (realm: Uri, trouble: AuthorizerTrouble) => void {
  const lines = new RecurringLines({ nowMs });
  return (realm, { procedure, reason, message }) =>
    lines.log(`${realm} ${procedure} ${reason}`, (omitted) =>
      logger.warn({ realm, reason, message: `${procedure}: ${message}`, ...omitted }, 'authorizer.failed'),
    );
}
