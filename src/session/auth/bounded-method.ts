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

type Step = AuthStep | Promise<AuthStep>;

/** Gives the place back when the step is known. */
function releasing(release: Release, make: () => Step): Step {
  let step: Step;
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

/** Bounds the attempts of `method` that fail: beyond the bound an attempt is refused before the method does any work. */
export function boundedMethod(method: AuthMethod, options: BoundedMethodOptions): AuthMethod {
  if (method.name === 'anonymous') return method;
  const bounded = new BoundedMethod(method, options);
  return { ...method, begin: (request) => bounded.begin(request) };
}

class BoundedMethod {
  readonly #method: AuthMethod;
  readonly #options: BoundedMethodOptions;

  constructor(method: AuthMethod, options: BoundedMethodOptions) {
    this.#method = method;
    this.#options = options;
  }

  begin(request: AuthRequest): Step {
    const { attempts, after, addressKeyOf } = this.#options;
    const { realm, details, remoteAddress } = request;
    const authid = this.#method.ignoresAuthid === true ? undefined : details.authid;
    const attempt: Attempt = { realm, authid, address: addressKeyOf(remoteAddress) };
    const refused = this.#throttled(attempt);
    if (refused !== undefined) return refused;
    const delayMs = attempts.delayMs(attempt);
    if (delayMs === 0) return this.#judged(attempt, () => this.#method.begin(request));
    return new Promise<void>((resolve) => void after(delayMs, resolve)).then(() =>
      this.#judged(attempt, () => this.#method.begin(request)),
    );
  }

  #throttled(attempt: Attempt): AuthStep | undefined {
    const fault = this.#options.attempts.refusal(attempt);
    if (fault === undefined) return undefined;
    this.#count('throttled');
    this.#options.counters.limitsReached.failed_authentications++;
    return { kind: 'refused', fault };
  }

  #judged(attempt: Attempt, make: () => Step): Step {
    const step = make();
    if (!(step instanceof Promise)) return this.#judge(attempt, step);
    return step.then(
      (settled) => this.#judge(attempt, settled),
      (cause: unknown) => {
        this.#count('unavailable');
        throw cause;
      },
    );
  }

  #judge(attempt: Attempt, step: AuthStep): AuthStep {
    const { attempts } = this.#options;
    switch (step.kind) {
      case 'granted':
        // Some methods ignore the authid of HELLO: a client must not reset what was counted for somebody else.
        if (step.principal.authid === attempt.authid) attempts.succeeded(attempt);
        return step;
      case 'postponed':
        this.#count('unavailable');
        return step;
      case 'refused':
        if (step.fault.error === ErrorUri.AUTHENTICATION_FAILED) this.#count('unusable');
        else {
          this.#count('denied');
          attempts.failed(attempt);
        }
        return step;
      case 'passed':
        return step;
      case 'challenge':
        return {
          ...step,
          answer: (signature, extra) => this.#entered(attempt, () => step.answer(signature, extra)),
        };
    }
  }

  /** Attempts that were challenged before may have failed meanwhile, or while this one waited. */
  #entered(attempt: Attempt, make: () => Step): Step {
    const refused = this.#throttled(attempt);
    if (refused !== undefined) return refused;
    const place = this.#options.attempts.enter(attempt);
    if (place instanceof Promise)
      return place.then((release) => releasing(release, () => this.#throttled(attempt) ?? this.#judged(attempt, make)));
    return releasing(place, () => this.#judged(attempt, make));
  }

  #count(flaw: AuthenticationFlaw): void {
    const label = AUTHENTICATION_METHODS.find((known) => known === this.#method.name) ?? 'other';
    this.#options.counters.authenticationFailures[`${label},${flaw}`]++;
  }
}
