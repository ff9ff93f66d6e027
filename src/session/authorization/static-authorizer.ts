import type { Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import type { Action, Decision, Permission } from './permission.js';
import { compareSpecificity, covers, overlaps, toUriSet, type UriSet } from './uri-sets.js';

/** Permissions decide at once. */
export interface StaticAuthorizer {
  authorize(action: Action, uri: Uri, match: MatchPolicy): Decision;
}

/**
 * Decides by the most specific permission: exact, then the longest prefix, then the best wildcard as for calls
 * (PBR-4). A pattern is allowed only if every URI it can match is (AZ-4); when in doubt it is not.
 * A URI decided lately costs one look-up, another one O(permissions). The first of two permissions for the same URIs counts.
 * `maxRemembered`: decisions of one action that are remembered.
 */
export function createStaticAuthorizer(
  permissions: readonly Permission[],
  maxRemembered: number = REMEMBERED_BY_ROLE,
): StaticAuthorizer {
  const [only] = permissions;
  if (permissions.length === 1 && only?.match === 'prefix' && only.uri === '') return new UniformAuthorizer(only);
  return new RuleAuthorizer(permissions, maxRemembered);
}

/** The decision where no permission covers the URI: a denial, unless an authorizer is asked. Compared by identity. */
export const UNDECIDED: Decision = Object.freeze({ allowed: false, disclose: false });
const DENIED: Decision = Object.freeze({ allowed: false, disclose: false });
const ALLOWED: Decision = Object.freeze({ allowed: true, disclose: false });
const DISCLOSED: Decision = Object.freeze({ allowed: true, disclose: true });

/** Decisions of one action that an authorizer of all sessions of a role remembers. */
const REMEMBERED_BY_ROLE = 4_096;
/** The same for the authorizer of one session, whose client chooses the URIs: it must not hold much memory by that. */
export const REMEMBERED_BY_SESSION = 32;

/** Gives the same decision for every URI. */
class UniformAuthorizer implements StaticAuthorizer {
  readonly #decisions: Readonly<Record<Action, Decision>>;

  constructor(permission: Permission) {
    this.#decisions = decisionsOf(permission);
  }

  authorize(action: Action): Decision {
    return this.#decisions[action];
  }
}

interface Rule {
  readonly uris: UriSet;
  readonly decisions: Readonly<Record<Action, Decision>>;
}

class RuleAuthorizer implements StaticAuthorizer {
  /** Most specific first. */
  readonly #rules: readonly Rule[];
  readonly #remembered: Readonly<Record<Action, Map<Uri, Decision>>> = {
    call: new Map(),
    register: new Map(),
    publish: new Map(),
    subscribe: new Map(),
  };

  readonly #maxRemembered: number;

  constructor(permissions: readonly Permission[], maxRemembered: number) {
    this.#maxRemembered = maxRemembered;
    this.#rules = permissions
      .map((permission) => ({ uris: toUriSet(permission.uri, permission.match), decisions: decisionsOf(permission) }))
      .sort((one, other) => compareSpecificity(one.uris, other.uris));
  }

  authorize(action: Action, uri: Uri, match: MatchPolicy): Decision {
    if (match !== 'exact') return this.#decide(action, toUriSet(uri, match));
    const remembered = this.#remembered[action];
    const known = remembered.get(uri);
    if (known !== undefined) return known;
    const decision = this.#decide(action, toUriSet(uri, 'exact'));
    if (remembered.size >= this.#maxRemembered) remembered.clear();
    remembered.set(uri, decision);
    return decision;
  }

  /**
   * From the most specific rule down: one that covers everything wanted decides, and a denial of any part of it on
   * the way denies it. Several rules that cover it only together do not count.
   */
  #decide(action: Action, wanted: UriSet): Decision {
    for (const { uris, decisions } of this.#rules) {
      if (covers(uris, wanted)) return decisions[action];
      if (!decisions[action].allowed && overlaps(uris, wanted)) return DENIED;
    }
    return UNDECIDED;
  }
}

function decisionsOf({ allow, disclose, trustLevel }: Permission): Readonly<Record<Action, Decision>> {
  const decide = (isAllowed: boolean, isDisclosed: boolean): Decision => {
    if (!isAllowed) return DENIED;
    if (trustLevel !== undefined) return Object.freeze({ allowed: true, disclose: isDisclosed, trustLevel });
    return isDisclosed ? DISCLOSED : ALLOWED;
  };
  return {
    call: decide(allow.call, disclose.caller),
    register: decide(allow.register, false),
    publish: decide(allow.publish, disclose.publisher),
    subscribe: decide(allow.subscribe, false),
  };
}
