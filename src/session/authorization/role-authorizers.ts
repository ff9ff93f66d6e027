import { fillPlaceholders, hasPlaceholder } from '../../wamp/uri-placeholders.js';
import type { Authorizer } from '../ports.js';
import { createAskingAuthorizer, type Arbiter } from './asking-authorizer.js';
import { createGuardedAuthorizer, reguarded, type GuardedUris } from './guarded-authorizer.js';
import type { Permission, Subject } from './permission.js';
import { createStaticAuthorizer, REMEMBERED_BY_SESSION } from './static-authorizer.js';

const NOTHING: GuardedUris = { routerProcedures: new Set(), authenticators: new Set() };

interface Role {
  readonly permissions: readonly Permission[];
  /** The authorizer that all sessions of the role share. Undefined: it depends on the authid. */
  readonly shared: Authorizer | undefined;
}

/**
 * Static permissions of a realm: those of each role, and those of a principal before them. The most specific decides,
 * whichever of both it comes from.
 */
export class RoleAuthorizers {
  readonly #roles: ReadonlyMap<string, Role>;
  readonly #guarded: GuardedUris;

  constructor(roles: ReadonlyMap<string, readonly Permission[]>, guarded: GuardedUris = NOTHING) {
    this.#guarded = guarded;
    this.#roles = new Map(
      [...roles].map(([name, permissions]) => {
        const isPersonal = permissions.some(({ uri }) => hasPlaceholder(uri));
        return [name, { permissions, shared: isPersonal ? undefined : this.#make(permissions) }];
      }),
    );
  }

  /** `arbiter`: decides what no permission covers. Undefined: the realm has no such role. */
  of(subject: Subject, arbiter?: Arbiter): Authorizer | undefined {
    const role = this.#roles.get(subject.authrole);
    if (role === undefined) return undefined;
    const { permissions: own = [] } = subject;
    if (own.length === 0 && role.shared !== undefined && arbiter === undefined) return role.shared;
    // The first of two for the same URIs counts.
    return this.#make([...own, ...role.permissions], subject, arbiter);
  }

  /** An authorizer that was made before a reload, with what is guarded now. */
  reguarded(authorizer: Authorizer, { authrole, permissions: own = [] }: Subject): Authorizer {
    return reguarded(authorizer, [...own, ...(this.#roles.get(authrole)?.permissions ?? [])], this.#guarded);
  }

  #make(permissions: readonly Permission[], subject?: Subject, arbiter?: Arbiter): Authorizer {
    const all = subject === undefined ? permissions : permissions.flatMap((one) => filled(one, subject));
    const decided = createStaticAuthorizer(all, subject === undefined ? undefined : REMEMBERED_BY_SESSION);
    const inner = arbiter === undefined ? decided : createAskingAuthorizer(decided, arbiter);
    // A placeholder names no guarded URI, whatever authid stands for it.
    return createGuardedAuthorizer(inner, permissions, this.#guarded);
  }
}

/** A permission whose placeholder has no value that could stand in a URI covers nothing. */
function filled(permission: Permission, subject: Subject): Permission[] {
  if (!hasPlaceholder(permission.uri)) return [permission];
  const uri = fillPlaceholders(permission.uri, subject);
  return uri === undefined ? [] : [{ ...permission, uri }];
}
