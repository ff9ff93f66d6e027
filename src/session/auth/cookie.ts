import { BackplaneUnavailableError } from '../../backplane/backplane.js';
import { unavailable } from '../ports.js';
import type { CookieLogins } from './cookie-logins.js';
import type { AuthMethod, AuthRequest, AuthStep } from './method.js';

const COOKIE = 'cookie';
const PASSED: AuthStep = { kind: 'passed' };

/** Admits a client by the cookie of its opening handshake; another method of its offer may follow. */
export function createCookieMethod(logins: CookieLogins): AuthMethod {
  return {
    name: COOKIE,
    async begin({ realm, cookie }) {
      if (cookie === undefined) return PASSED;
      try {
        const principal = await logins.find(realm, cookie);
        return principal === undefined ? PASSED : { kind: 'granted', principal };
      } catch (cause) {
        if (!(cause instanceof BackplaneUnavailableError)) throw cause;
        return {
          kind: 'postponed',
          reason: unavailable('unreachable', 'the cluster could not be asked for the cookie'),
        };
      }
    },
  };
}

/** Extends `method`: a login binds the cookie of the connection, if there is one and the realm has login by cookie. */
export function bindingMethod(method: AuthMethod, logins: CookieLogins): AuthMethod {
  if (method.name === 'anonymous') return method;
  const bound = (request: AuthRequest, step: AuthStep): AuthStep | Promise<AuthStep> => {
    const { cookie } = request;
    if (cookie === undefined) return step;
    if (step.kind === 'challenge')
      return {
        ...step,
        answer: (signature, extra) => afterwards(step.answer(signature, extra), (next) => bound(request, next)),
      };
    if (step.kind !== 'granted') return step;
    // An authenticator may have chosen another realm than HELLO names.
    const { realm = request.realm } = step.principal;
    if (!logins.isOffered(realm)) return step;
    // Without the store the client is admitted all the same; its next login needs its credential again.
    return logins.bind(realm, cookie, method.name, step.principal).then(
      (login) => (login === undefined ? step : { ...step, principal: { ...step.principal, login } }),
      () => step,
    );
  };
  return {
    ...method,
    begin: (request) => afterwards(method.begin(request), (step) => bound(request, step)),
  };
}

function afterwards(
  step: AuthStep | Promise<AuthStep>,
  next: (step: AuthStep) => AuthStep | Promise<AuthStep>,
): AuthStep | Promise<AuthStep> {
  return step instanceof Promise ? step.then(next) : next(step);
}
