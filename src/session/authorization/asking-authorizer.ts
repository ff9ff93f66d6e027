import type { Authorizer } from '../ports.js';
import type { Decision } from './permission.js';
import type { AuthorizerQuestion } from './question.js';
import { UNDECIDED, type StaticAuthorizer } from './static-authorizer.js';

/** Decides on requests that no static permission covers. */
export interface Arbiter {
  decide(question: AuthorizerQuestion): Decision | Promise<Decision>;
}

/** Static permissions first; the arbiter decides on the rest. */
export function createAskingAuthorizer(permissions: StaticAuthorizer, arbiter: Arbiter): Authorizer {
  return {
    authorize(action, uri, match, asker, request) {
      const decision = permissions.authorize(action, uri, match);
      return decision === UNDECIDED ? arbiter.decide({ action, uri, match, asker, request }) : decision;
    },
  };
}
