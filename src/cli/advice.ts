import { placedAuthenticators } from '../config/auth-entries.js';
import { principalsOf } from '../config/checks.js';
import { adviceOnAuthenticators } from './advice-on-authenticators.js';
import { adviceOnConsole } from './advice-on-console.js';
import { adviceOnPrincipals } from './advice-on-principals.js';
import { memoryAdvice } from '../config/memory.js';
import type { Config, RealmConfig, RealmTemplateConfig } from '../config/schema.js';
import { compareSpecificity, covers, toUriSet, type UriSet } from '../session/authorization/uri-sets.js';

type Rules = Pick<RealmConfig | RealmTemplateConfig, 'roles' | 'anonymousRole' | 'auth' | 'metaApi'>;
type Role = Rules['roles'][number];
/** Also of a configuration from which they were taken out. */
type RealmSections = Pick<Config, 'realms'> & { readonly realmTemplate?: RealmTemplateConfig | undefined };

/** Settings that work, and that their author can hardly have intended. `gantry check` prints each, a node logs it at start. O(permissions²) of a role. */
export function adviceOn(config: Config): readonly string[] {
  const { realms, realmTemplate, httpBridge } = config;
  return [
    ...memoryAdvice(config),
    ...proxyAdvice(config),
    ...ticketAdvice(config),
    ...principalsAdvice(config),
    ...adviceOnAuthenticators(rulesByPath(config)),
    ...adviceOnConsole(config.console, rulesByPath(config)),
    ...(realms.length === 0 && realmTemplate === undefined ? [NO_REALM] : []),
    ...bridgeAdvice(config),
    ...realms.flatMap((realm, index) =>
      adviceOnRules(`realms[${index}]`, `realm "${realm.name}"`, realm, bridgeRoles(httpBridge, realm.name)),
    ),
    ...(realmTemplate === undefined ? [] : adviceOnRules('realmTemplate', 'a realm of the template', realmTemplate)),
    ...(realmTemplate === undefined ? [] : adviceOnLasting(realmTemplate)),
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

const BRIDGE_REMEDIES: Readonly<Record<Config['httpBridge'][number]['type'], string>> = {
  publisher: 'keys or bearer',
  caller: 'keys or bearer',
  webhook: 'a signature',
  events: 'bearer',
};

function bridgeAdvice({ httpBridge }: Config): string[] {
  return httpBridge.flatMap(({ type, keys, bearer, signature, path }, index) =>
    keys.length > 0 || bearer || signature !== undefined
      ? []
      : [
          `httpBridge[${index}]: everybody who reaches the port may use ${path}: set ${BRIDGE_REMEDIES[type]}, or let a proxy decide.`,
        ],
  );
}

/** Roles that the HTTP bridge gives to its requests in a realm. */
function bridgeRoles(services: Config['httpBridge'], realm: string): readonly string[] {
  return services
    .filter((service) => service.realm === realm)
    .flatMap(({ role, keys }) => [role, ...keys.flatMap((key) => key.role ?? [])]);
}

function adviceOnRules(
  path: string,
  realm: string,
  { roles, anonymousRole, auth }: Rules,
  givenElsewhere: readonly string[] = [],
): string[] {
  const principals = principalsOf(auth ?? {}).map(([, principal]) => principal);
  const given = new Set([...principals.map(({ role }) => role), ...givenElsewhere]);
  if (anonymousRole !== null) given.add(anonymousRole);
  // Tokens and authenticators name any role of the realm.
  const isOpen =
    auth?.jwt?.some(({ role }) => role === undefined) === true || placedAuthenticators(auth ?? {}).length > 0;
  if (isOpen) for (const { name } of roles) given.add(name);
  if (given.size === 0)
    return [
      `${path}: no client can join ${realm}: it takes no anonymous sessions and has no principals. Name a role in ${path}.anonymousRole, call a role "anonymous", or set ${path}.auth.`,
    ];
  return roles.flatMap((role, index) => {
    const at = `${path}.roles[${index}]`;
    if (!given.has(role.name))
      return [
        `${at}: no session has the role "${role.name}": it is neither ${path}.anonymousRole nor the role of a principal. Remove it, or give it to one of them.`,
      ];
    const hasOwn = principals.some((one) => one.role === role.name && one.permissions !== undefined);
    if (role.permissions.length === 0 && !hasOwn && role.authorizer === undefined)
      return [`${at}: sessions of the role "${role.name}" may do nothing: it has no permissions.`];
    return [...adviceOnPermissions(at, role), ...adviceOnAuthorizer(at, role)];
  });
}

/** Clients that create realms could fill the store with events that never expire. */
function adviceOnLasting({ names, retention, history }: RealmTemplateConfig): string[] {
  if (names.every(({ match }) => match === 'exact')) return [];
  const lasting = [
    ...(retention !== undefined && retention.topics.length > 0 && retention.ttlMs === 0 ? ['retention'] : []),
    ...(history ?? []).flatMap(({ ttlMs }, index) => (ttlMs === 0 ? [`history[${index}]`] : [])),
  ];
  return lasting.map(
    (at) =>
      `realmTemplate.${at}: events of realms that nobody uses any more are kept for ever, and clients may create any number of realms: set realmTemplate.${at}.ttlMs.`,
  );
}

function ticketAdvice(config: Config): string[] {
  const listeners = unencrypted(config);
  return rulesByPath(config).flatMap(([path, { auth }]) =>
    (['ticket', 'jwt'] as const).flatMap((name) => {
      const open = listeners.filter(({ authMethods }) => authMethods?.includes(name) !== false);
      if (auth?.[name] === undefined || open.length === 0) return [];
      const settings = open.map(({ setting }) => `${setting}.tls`).join(' and ');
      return [
        `${path}.auth.${name}: tickets and tokens cross the network in the clear: set ${settings}, or end TLS at a proxy.`,
      ];
    }),
  );
}

interface UnencryptedListener {
  readonly setting: string;
  readonly authMethods?: readonly string[];
}

/** Listeners that other machines reach without TLS. A proxy that ends TLS may stand in front, which shows only by its header. */
function unencrypted({ listen, listeners }: Config): readonly UnencryptedListener[] {
  const further = listeners.map((rules, index) => {
    const isLocal = rules.type === 'rawsocket' && rules.path !== undefined;
    const isProxied =
      rules.type === 'rawsocket' ? rules.proxyProtocol !== undefined : rules.trustProxyHeader !== 'none';
    return { setting: `listeners[${index}]`, rules, isSafe: isLocal || isProxied };
  });
  return [{ setting: 'listen', rules: listen, isSafe: listen.trustProxyHeader !== 'none' }, ...further].flatMap(
    ({ setting, rules, isSafe }) => {
      if (isSafe || rules.tls !== undefined || ['127.0.0.1', '::1', 'localhost'].includes(rules.host)) return [];
      const { authMethods } = rules;
      return [{ setting, ...(authMethods !== undefined && { authMethods }) }];
    },
  );
}

function principalsAdvice(config: Config): string[] {
  return rulesByPath(config).flatMap(([path, { auth }]) => adviceOnPrincipals(`${path}.auth`, auth ?? {}));
}

function rulesByPath({ realms, realmTemplate }: RealmSections): readonly (readonly [path: string, rules: Rules])[] {
  const ofRealms = realms.map((realm, index): [string, Rules] => [`realms[${index}]`, realm]);
  return realmTemplate === undefined ? ofRealms : [...ofRealms, ['realmTemplate', realmTemplate]];
}

interface Placed {
  readonly index: number;
  readonly uris: UriSet;
}

/** An authorizer is asked only for what no permission covers. */
function adviceOnAuthorizer(at: string, { permissions, authorizer }: Role): string[] {
  const everything = permissions.findIndex(({ uri, match }) => match === 'prefix' && uri === '');
  if (authorizer === undefined || everything === -1) return [];
  return [
    `${at}.authorizer: is never asked: ${at}.permissions[${everything}] covers every URI, and a permission decides also on the actions that it does not allow.`,
  ];
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
