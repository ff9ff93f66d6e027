import { checkUri, type UriRules } from '../../wamp/uri-rules.js';
import type { RealmConfig } from '../schema.js';

type Role = RealmConfig['roles'][number];
type Permissions = Role['permissions'];

/** A role, or a principal with permissions of its own. */
export interface PermissionHolder {
  readonly role: string;
  readonly permissions: Permissions;
}

/**
 * Checks the authorizers of the roles of one realm. The session that registers an authorizer needs a permission that
 * names it, and its own role must not have an authorizer: it would have to ask itself.
 */
export function authorizersAreSound(
  roles: readonly Role[],
  principals: readonly PermissionHolder[],
  rules: UriRules,
  report: (path: readonly PropertyKey[], message: string) => void,
): void {
  const asking = new Set(roles.filter(({ authorizer }) => authorizer !== undefined).map(({ name }) => name));
  const holders = [...roles.map(({ name, permissions }) => ({ role: name, permissions })), ...principals];
  for (const [index, { authorizer }] of roles.entries()) {
    if (authorizer === undefined) continue;
    const { procedure } = authorizer;
    const at = ['roles', index, 'authorizer', 'procedure'];
    const flaw = checkUri(procedure, 'exact', rules) ?? reservedFlaw(procedure);
    if (flaw !== undefined) {
      report(at, `Invalid URI "${procedure}": ${flaw}`);
      continue;
    }
    const registering = holders.filter(({ permissions }) => mayRegister(permissions, procedure));
    const self = registering.find(({ role }) => asking.has(role));
    if (registering.length === 0)
      report(at, `No role may register "${procedure}": one needs a permission for exactly this URI`);
    else if (self !== undefined)
      report(
        at,
        `The role "${self.role}" may register "${procedure}" and has an authorizer itself: give it another role`,
      );
  }
}

function mayRegister(permissions: Permissions, procedure: string): boolean {
  return permissions.some(({ uri, match, allow }) => match === 'exact' && uri === procedure && allow.register);
}

function reservedFlaw(procedure: string): string | undefined {
  return /^(gantry|wamp)(\.|$)/.test(procedure) ? 'the router keeps "gantry." and "wamp." for itself' : undefined;
}
