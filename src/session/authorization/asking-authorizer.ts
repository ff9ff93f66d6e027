import type { Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import type { Authorizer } from '../ports.js';
import type { Decision, Action } from './permission.js';
import type { Asker, Question, Request } from './question.js';
import { UNDECIDED, type StaticAuthorizer } from './static-authorizer.js';

/** Decides what no static permission covers. */
export interface Arbiter {
  decide(question: Question): Decision | Promise<Decision>;
}

/** Static permissions first; the arbiter decides on the rest. */
export class AskingAuthorizer implements Authorizer {
  readonly #permissions: StaticAuthorizer;
  readonly #arbiter: Arbiter;

  constructor(permissions: StaticAuthorizer, arbiter: Arbiter) {
    this.#permissions = permissions;
    this.#arbiter = arbiter;
  }

  authorize(
    action: Action,
    uri: Uri,
    match: MatchPolicy,
    asker: Asker,
    request: Request,
  ): Decision | Promise<Decision> {
    const decision = this.#permissions.authorize(action, uri, match);
    return decision === UNDECIDED ? this.#arbiter.decide({ action, uri, match, asker, request }) : decision;
  }
}
