import { AUTHENTICATION_METHODS, type AuthenticationFlaw, type Counters } from '../../telemetry/counters.js';
import { ErrorUri } from '../../wamp/uris.js';
import type { After } from '../session-timer.js';
import type { Release } from './attempts-under-way.js';
import type { Attempt, FailedAttempts } from './failed-attempts.js';
import type { AuthMethod, AuthRequest, AuthStep } from './method.js';

export interface BoundedMethodOptions {
  readonly attempts: FailedAttempts;
  readonly counters: Pick<Counters, 'authenticationFailures' | 'limitsReached'>;
  readonly after: After;
  /** See `countingKey` of an address. */
  readonly addressKeyOf: (remoteAddress: string) => string;
}

/** Gives the place back when the step is known. */
function releasing(release: Release, make: () => AuthStep | Promise<AuthStep>): AuthStep | Promise<AuthStep> {
  let step: AuthStep | Promise<AuthStep>;
  try {
    step = make();
  } catch (error) {
    release();
    throw error;
  }
  if (step instanceof Promise) return step.finally(release);
  release();
  return step;
}

/** As `method`, with a bound on attempts that fail: beyond it an attempt is refused before the method does any work. */
export function boundedMethod(method: AuthMethod, options: BoundedMethodOptions): AuthMethod {
  const { name, ignoresAuthid = false } = method;
  if (name === 'anonymous') return method;
  const label = AUTHENTICATION_METHODS.find((known) => known === name) ?? 'other';
  const { attempts, counters, after, addressKeyOf } = options;
  const count = (flaw: AuthenticationFlaw): void => {
    counters.authenticationFailures[`${label},${flaw}`]++;
  };

  const throttled = (attempt: Attempt): AuthStep | undefined => {
    const fault = attempts.refusal(attempt);
    if (fault === undefined) return undefined;
    count('throttled');
    counters.limitsReached.failed_authentications++;
    return { kind: 'refused', fault };
  };

  const judge = (attempt: Attempt, step: AuthStep): AuthStep => {
    switch (step.kind) {
      case 'granted':
        // Some methods ignore the authid of HELLO: a client must not reset what was counted for somebody else.
        if (step.principal.authid === attempt.authid) attempts.succeeded(attempt);
        return step;
      case 'postponed':
        count('unavailable');
        return step;
      case 'refused':
        if (step.fault.error === ErrorUri.AUTHENTICATION_FAILED) count('unusable');
        else {
          count('denied');
          attempts.failed(attempt);
        }
        return step;
      case 'passed':
        return step;
      case 'challenge':
        return {
          ...step,
          answer: (signature, extra) => entered(attempt, () => step.answer(signature, extra)),
        };
    }
  };

  const judged = (attempt: Attempt, make: () => AuthStep | Promise<AuthStep>): AuthStep | Promise<AuthStep> => {
    const step = make();
    if (!(step instanceof Promise)) return judge(attempt, step);
    return step.then(
      (settled) => judge(attempt, settled),
      (cause: unknown) => {
        count('unavailable');
        throw cause;
      },
    );
  };

  /** Attempts that were challenged before may have failed meanwhile, or while this one waited. */
  const entered = (attempt: Attempt, make: () => AuthStep | Promise<AuthStep>): AuthStep | Promise<AuthStep> => {
    const refused = throttled(attempt);
    if (refused !== undefined) return refused;
    const place = attempts.enter(attempt);
    if (place instanceof Promise)
      return place.then((release) => releasing(release, () => throttled(attempt) ?? judged(attempt, make)));
    return releasing(place, () => judged(attempt, make));
  };

  const begin = (request: AuthRequest): AuthStep | Promise<AuthStep> => {
    const { realm, details, remoteAddress } = request;
    const authid = ignoresAuthid ? undefined : details.authid;
    const attempt: Attempt = { realm, authid, address: addressKeyOf(remoteAddress) };
    const refused = throttled(attempt);
    if (refused !== undefined) return refused;
    const delayMs = attempts.delayMs(attempt);
    if (delayMs === 0) return judged(attempt, () => method.begin(request));
    return new Promise<void>((resolve) => void after(delayMs, resolve)).then(() =>
      judged(attempt, () => method.begin(request)),
    );
  };
  return { ...method, begin };
}
