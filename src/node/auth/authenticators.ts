import { performance } from 'node:perf_hooks';
import { AuthenticatorCalls, type AuthenticatorCallsOptions } from '../../realm/authenticator-calls.js';
import type { Counters } from '../../telemetry/counters.js';
import type { Logger } from '../../telemetry/logger.js';
import { RecurringLines } from '../../telemetry/recurring-lines.js';

/** Calls of authenticators, of which failures are logged: one line a minute for each procedure and reason. */
export function createAuthenticators(
  open: AuthenticatorCallsOptions['open'],
  limits: { readonly maxPendingAuthentications: number },
  counters: Counters,
  logger: Logger,
): AuthenticatorCalls {
  const lines = new RecurringLines({ nowMs: () => performance.now() });
  return new AuthenticatorCalls({
    open,
    limits,
    counters,
    onFailure: (realm, procedure, reason, why) =>
      lines.log(`${reason} ${realm} ${procedure}`, (omitted) =>
        logger.error({ realm, reason, message: `${procedure}: ${why}`, ...omitted }, 'authenticator.failed'),
      ),
  });
}
