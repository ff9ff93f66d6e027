import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { ExpiringStore } from '../../backplane/expiring-store.js';
import type { AuthConfig, Config } from '../../config/schema.js';
import { boundedMethod } from '../../session/auth/bounded-method.js';
import { bindingMethod, createCookieMethod } from '../../session/auth/cookie.js';
import { CookieLogins, type LoginTraits } from '../../session/auth/cookie-logins.js';
import { AUTHPROVIDER } from '../../session/auth/credentials.js';
import { FailedAttempts } from '../../session/auth/failed-attempts.js';
import type { AuthMethod } from '../../session/auth/method.js';
import type { Subject } from '../../session/authorization/permission.js';
import type { After } from '../../session/session-timer.js';
import type { Counters } from '../../telemetry/counters.js';
import type { CookieOptions } from '../../transport/opening/cookies.js';
import { countingKeyOf } from '../../transport/opening/ip-address.js';
import type { Uri } from '../../wamp/ids.js';
import type { AuthMethodsOf } from '../realm-settings.js';
import { principalOf } from '../reload/withdrawal.js';

export interface SharedAuthMethodsOptions {
  readonly limits: Config['limits'];
  readonly cookies: CookieLogins;
  readonly store: ExpiringStore;
  readonly counters: Counters;
  readonly after: After;
}

const MS_PER_SECOND = 1_000;

/** The logins by cookie of the realms that have them. `configOf`: the configuration at this moment. */
export function cookieLogins(configOf: () => Config, store: ExpiringStore): CookieLogins {
  const authOf = (realm: Uri): AuthConfig | undefined => {
    const { realms, realmTemplate } = configOf();
    return (realms.find(({ name }) => name === realm) ?? realmTemplate)?.auth;
  };
  const ttlMsOf = (realm: Uri): number | undefined => {
    const cookie = authOf(realm)?.cookie;
    return cookie === undefined ? undefined : cookie.maxAgeSeconds * MS_PER_SECOND;
  };
  // A reload may have withdrawn the principal since.
  const subjectNow = (realm: Uri, { authid, authrole, ...traits }: LoginTraits): Subject | undefined => {
    if (traits.authprovider !== AUTHPROVIDER) return { authid, authrole };
    const principal = principalOf(authOf(realm), { authid, ...traits });
    if (principal?.role !== authrole) return undefined;
    return { authid, authrole, ...(principal.permissions && { permissions: principal.permissions }) };
  };
  return new CookieLogins({ store, ttlMsOf, subjectNow, wallMs: Date.now, newId: randomUUID });
}

/** The cookie of a listener: restricted to TLS where there is TLS. */
export function cookieOptions(
  cookie: NonNullable<Config['listen']['cookie']>,
  { tls }: Pick<Config['listen'], 'tls'>,
): CookieOptions {
  return { ...cookie, secure: cookie.secure ?? tls !== undefined };
}

/** The same methods with what all nodes share: bounds on attempts that fail, all methods together, and login by cookie. */
export function sharedAuthMethods(
  authMethodsOf: AuthMethodsOf,
  { limits, cookies, store, counters, after }: SharedAuthMethodsOptions,
): AuthMethodsOf {
  const attempts = new FailedAttempts({ store, limits, nowMs: () => performance.now() });
  const addressKeyOf = (text: string): string => countingKeyOf(text, limits.ipv6PrefixBits);
  const options = { attempts, counters, after, addressKeyOf };
  const cookieMethod = createCookieMethod(cookies);
  const known = new WeakMap<readonly AuthMethod[], readonly AuthMethod[]>();
  return (realm) => {
    const methods = authMethodsOf(realm);
    const made = known.get(methods);
    if (made !== undefined) return made;
    const bounded = methods.map((method) => bindingMethod(boundedMethod(method, options), cookies));
    const shared = cookies.isOffered(realm) ? [cookieMethod, ...bounded] : bounded;
    known.set(methods, shared);
    return shared;
  };
}
