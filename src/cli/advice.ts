import { memoryAdvice } from '../config/memory.js';
import type { Config, RealmConfig, RealmTemplateConfig } from '../config/schema.js';
import { compareSpecificity, covers, toUriSet, type UriSet } from '../session/uri-sets.js';

type Rules = Pick<RealmConfig | RealmTemplateConfig, 'roles' | 'anonymousRole'>;
type Role = Rules['roles'][number];

/** Settings that work and can hardly be meant. `gantry check` prints each, a node logs it at start. O(permissions²) of a role. */
export function adviceOn(config: Config): readonly string[] {
  const { realms, realmTemplate } = config;
  return [
    ...memoryAdvice(config),
    ...proxyAdvice(config),
    ...(realms.length === 0 && realmTemplate === undefined ? [NO_REALM] : []),
    ...realms.flatMap((realm, index) => adviceOnRules(`realms[${index}]`, `realm "${realm.name}"`, realm)),
    ...(realmTemplate === undefined ? [] : adviceOnRules('realmTemplate', 'a realm of the template', realmTemplate)),
  ];
}

function proxyAdvice({ listen }: Config): string[] {
  if (listen.trustProxyHeader === 'none' || listen.trustedProxies !== undefined) return [];
  return [
    'listen.trustProxyHeader: every client with a private address can forge where it comes from. List the proxies in listen.trustedProxies.',
  ];
}

const NO_REALM =
  'realms: there is no realm that a session could join: name one, leave realms out, or set realmTemplate.';

function adviceOnRules(path: string, realm: string, { roles, anonymousRole }: Rules): string[] {
  if (anonymousRole === null)
    return [
      `${path}: nobody can join ${realm}: sessions join without authentication, and no role is theirs. Name one in ${path}.anonymousRole, or call a role "anonymous".`,
    ];
  return roles.flatMap((role, index) => {
    const at = `${path}.roles[${index}]`;
    if (role.name !== anonymousRole)
      return [
        `${at}: no session has the role "${role.name}": all join without authentication, as "${anonymousRole}". Remove it, or name it in ${path}.anonymousRole.`,
      ];
    if (role.permissions.length === 0)
      return [`${at}: sessions of the role "${role.name}" may do nothing: it has no permissions.`];
    return adviceOnPermissions(at, role);
  });
}

interface Placed {
  readonly index: number;
  readonly uris: UriSet;
}

/** A permission decides nothing where a more specific one covers every URI that it covers. */
function adviceOnPermissions(at: string, { permissions }: Role): string[] {
  const placed = permissions
    .map(({ uri, match }, index): Placed => ({ index, uris: toUriSet(uri, match) }))
    .sort((one, other) => compareSpecificity(one.uris, other.uris));
  return placed.flatMap(({ index, uris }, rank) => {
    const stronger = placed.slice(0, rank).find((other) => covers(other.uris, uris));
    if (stronger === undefined) return [];
    return [
      `${at}.permissions[${index}]: never decides: ${at}.permissions[${stronger.index}] covers "${uris.uri}" (match: ${uris.match}) and is more specific. An exact URI comes before a prefix, a prefix before a wildcard.`,
    ];
  });
}
