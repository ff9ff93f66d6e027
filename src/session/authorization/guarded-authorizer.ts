import type { Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import type { Authorizer } from '../ports.js';
import type { Action, Decision } from './permission.js';
import type { Asker, Request } from './question.js';
import { overlaps, toUriSet, type UriSet } from './uri-sets.js';

/** URIs for which the permission of a pattern is not enough: the role needs one that names the URI itself. */
export interface GuardedUris {
  /** Procedures of the router itself. No session registers them. */
  readonly routerProcedures: ReadonlySet<Uri>;
  /** Procedures that the router calls to decide on clients, with their credentials. */
  readonly authenticators: ReadonlySet<Uri>;
}

interface NamedUri {
  readonly uri: Uri;
  readonly match: MatchPolicy;
}

const DENIED: Decision = Object.freeze({ allowed: false, disclose: false });

/** Denies guarded URIs to a role without a permission of exactly that URI; `inner` decides on the rest. */
export function createGuardedAuthorizer(
  inner: Authorizer,
  permissions: readonly NamedUri[],
  guarded: GuardedUris,
): Authorizer {
  return new GuardedAuthorizer(inner, namesIn(permissions), guarded);
}

/**
 * The same authorizer with what is guarded now. URIs that the permissions named before stay named: the session keeps what it
 * joined with.
 */
export function reguarded(authorizer: Authorizer, permissions: readonly NamedUri[], guarded: GuardedUris): Authorizer {
  if (!(authorizer instanceof GuardedAuthorizer)) return createGuardedAuthorizer(authorizer, permissions, guarded);
  return new GuardedAuthorizer(authorizer.inner, new Set([...authorizer.named, ...namesIn(permissions)]), guarded);
}

/** Whether the registration would receive what only an authenticator may receive. */
export function isGuarded(authorizer: Authorizer, procedure: Uri, match: MatchPolicy): boolean {
  return authorizer instanceof GuardedAuthorizer && authorizer.deniesRegister(procedure, match);
}

function namesIn(permissions: readonly NamedUri[]): ReadonlySet<Uri> {
  return new Set(permissions.filter(({ match }) => match === 'exact').map(({ uri }) => uri));
}

class GuardedAuthorizer implements Authorizer {
  readonly inner: Authorizer;
  /** URIs that a permission names. */
  readonly named: ReadonlySet<Uri>;
  readonly #routerProcedures: ReadonlySet<Uri>;
  /** Those that this role may not use. */
  readonly #deniedCalls: ReadonlySet<Uri>;
  readonly #deniedAuthenticators: readonly UriSet[];

  constructor(inner: Authorizer, named: ReadonlySet<Uri>, { routerProcedures, authenticators }: GuardedUris) {
    const isDenied = (uri: Uri): boolean => !named.has(uri);
    this.inner = inner;
    this.named = named;
    this.#routerProcedures = routerProcedures;
    this.#deniedCalls = new Set([...routerProcedures, ...authenticators].filter(isDenied));
    this.#deniedAuthenticators = [...authenticators].filter(isDenied).map((uri) => toUriSet(uri, 'exact'));
  }

  authorize(
    action: Action,
    uri: Uri,
    match: MatchPolicy,
    asker: Asker,
    request: Request,
  ): Decision | Promise<Decision> {
    if (action === 'call' && this.#deniedCalls.has(uri)) return DENIED;
    if (action === 'register' && this.deniesRegister(uri, match)) return DENIED;
    return this.inner.authorize(action, uri, match, asker, request);
  }

  /** A pattern that matches an authenticator's URI could receive the credentials meant for it. */
  deniesRegister(uri: Uri, match: MatchPolicy): boolean {
    if (match === 'exact' && this.#routerProcedures.has(uri)) return true;
    if (this.#deniedAuthenticators.length === 0) return false;
    const wanted = toUriSet(uri, match);
    return this.#deniedAuthenticators.some((authenticator) => overlaps(wanted, authenticator));
  }
}
