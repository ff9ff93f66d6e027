import { performance } from 'node:perf_hooks';
import type { ExpiringStore } from '../backplane/expiring-store.js';
import type { Config } from '../config/schema.js';
import { boundedMethod } from '../session/auth/bounded-method.js';
import { FailedAttempts } from '../session/auth/failed-attempts.js';
import type { AuthMethod } from '../session/auth/method.js';
import type { After } from '../session/session-timer.js';
import type { Counters } from '../telemetry/counters.js';
import { countingKey, parseIpAddress } from '../transport/ip-address.js';
import type { AuthMethodsOf } from './realm-settings.js';

export interface BoundedAuthMethodsOptions {
  readonly limits: Config['limits'];
  readonly store: ExpiringStore;
  readonly counters: Counters;
  readonly after: After;
}

/** The same methods, with bounds on attempts that fail, all methods together. */
export function boundAuthMethods(
  authMethodsOf: AuthMethodsOf,
  { limits, store, counters, after }: BoundedAuthMethodsOptions,
): AuthMethodsOf {
  const attempts = new FailedAttempts({ store, limits, nowMs: () => performance.now() });
  const addressKeyOf = (text: string): string => {
    const address = parseIpAddress(text);
    return address === undefined ? text : countingKey(address, limits.ipv6PrefixBits);
  };
  const options = { attempts, counters, after, addressKeyOf };
  const known = new WeakMap<readonly AuthMethod[], readonly AuthMethod[]>();
  return (realm) => {
    const methods = authMethodsOf(realm);
    const bounded = known.get(methods) ?? methods.map((method) => boundedMethod(method, options));
    known.set(methods, bounded);
    return bounded;
  };
}
