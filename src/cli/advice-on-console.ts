import type { Config, RealmConfig, RealmTemplateConfig } from '../config/schema.js';
import { createStaticAuthorizer } from '../session/authorization/static-authorizer.js';

type Rules = Pick<RealmConfig | RealmTemplateConfig, 'roles' | 'anonymousRole' | 'metaApi'>;

/** Realms in which the console shows the sessions of others to clients without a login. `rules`: of each realm, by its path. */
export function adviceOnConsole(
  { enabled }: Config['console'],
  rules: readonly (readonly [path: string, rules: Rules])[],
): string[] {
  if (!enabled) return [];
  return rules.flatMap(([path, { roles, anonymousRole, metaApi }]) => {
    const role = roles.find(({ name }) => name === anonymousRole);
    if (role === undefined || metaApi === 'off') return [];
    const authorizer = createStaticAuthorizer(role.permissions);
    const may = (procedure: string): boolean => authorizer.authorize('call', procedure, 'exact').allowed;
    if (!may('wamp.session.list')) return [];
    const what = metaApi === 'all' && may('wamp.session.kill') ? 'see and close' : 'see';
    return [
      `console.enabled: everybody who reaches this node may ${what} the sessions of ${path}: a client without a login gets the role "${role.name}", which may call wamp.session.list. Deny that role "wamp." (docs/console.md), or set ${path}.anonymousRole to null.`,
    ];
  });
}
