import { placedAuthenticators, type DynamicEntry } from '../config/auth-entries.js';
import { canonical } from '../config/reload.js';
import type { Config, RealmConfig, RealmTemplateConfig } from '../config/schema.js';
import type { AuthorizationSettings } from '../realm/authorization.js';
import type { RealmSettings } from '../realm/realm-dependencies.js';
import type { RealmPlan, RealmTemplate } from '../realm/realms.js';
import type { ForceRule } from '../routing/dealer/registrar.js';
import { PatternIndex } from '../routing/pattern-index.js';
import type { AuthMethod } from '../session/auth/method.js';
import type { RealmRules } from '../session/ports.js';
import { RoleAuthorizers } from '../session/authorization/role-authorizers.js';
import type { Logger } from '../telemetry/logger.js';
import type { Uri } from '../wamp/ids.js';
import { authMethods } from './auth/auth-methods.js';
import { ROUTER_PROCEDURES } from './router-procedures.js';

type Rules = Omit<RealmConfig, 'name'>;
type Limits = Config['limits'];

/** The realms of a configuration, in the form that the realm layer takes. */
export function realmPlan(config: Config): RealmPlan {
  const { realms, realmTemplate: template, limits } = config;
  return {
    configured: new Map(
      realms.map((realm) => [realm.name, realmSettings(realm, limits, authenticatorsIn(realm, realm.name, config))]),
    ),
    template: template === undefined ? undefined : realmTemplate(template, config),
  };
}

function realmTemplate(template: RealmTemplateConfig, config: Config): RealmTemplate {
  const names = new PatternIndex<object>();
  for (const { uri, match } of template.names) names.add(uri, match, template);
  return {
    settings: realmSettings(template, config.limits, authenticatorsIn(template, undefined, config)),
    admits: (uri) => names.best(uri) !== undefined,
    idleMs: template.idleMs,
  };
}

export type AuthMethodsOf = (realm: Uri) => readonly AuthMethod[];

/**
 * Methods by which sessions may join the realms of a node. They outlast incarnations, and a reload that does not change
 * them: making them derives the keys of salted secrets. Realms of the template share theirs.
 */
export class RealmAuthMethods {
  readonly #byRealm = new Map<Uri, readonly AuthMethod[]>();
  readonly #ofTemplate: readonly AuthMethod[];
  /** Key: everything that the methods depend on. */
  readonly #made = new Map<string, readonly AuthMethod[]>();

  constructor({ realms, realmTemplate: template }: Config, logger: Logger, previous?: RealmAuthMethods) {
    const make = (name: string, rules: Rules): readonly AuthMethod[] => {
      const key = canonical([name, rules.auth, rules.anonymousRole, rules.roles.map((role) => role.name)]);
      const methods = previous?.made(key) ?? authMethods(rules, logger);
      this.#made.set(key, methods);
      return methods;
    };
    for (const realm of realms) this.#byRealm.set(realm.name, make(realm.name, realm));
    this.#ofTemplate = template === undefined ? [] : make('', template);
  }

  private made(key: string): readonly AuthMethod[] | undefined {
    return this.#made.get(key);
  }

  of(realm: Uri): readonly AuthMethod[] {
    return this.#byRealm.get(realm) ?? this.#ofTemplate;
  }
}

/** The authenticators that are registered in a realm: its own, and those of others that name it. */
function authenticatorsIn(
  rules: Pick<Rules, 'auth'>,
  name: Uri | undefined,
  { realms, realmTemplate: template }: Config,
): ReadonlySet<Uri> {
  const isHere = ({ authenticatorRealm }: DynamicEntry): boolean => authenticatorRealm === undefined;
  const isNamed = ({ authenticatorRealm }: DynamicEntry): boolean => name !== undefined && authenticatorRealm === name;
  const all = [...realms, ...(template === undefined ? [] : [template])];
  const entries = [...allDynamic(rules).filter(isHere), ...all.flatMap(allDynamic).filter(isNamed)];
  return new Set(entries.map(({ authenticator }) => authenticator));
}

function allDynamic({ auth = {} }: Pick<Rules, 'auth'>): readonly DynamicEntry[] {
  return placedAuthenticators(auth).map(({ entry }) => entry);
}

function realmSettings(realm: Rules, limits: Limits, authenticators: ReadonlySet<Uri>): RealmSettings {
  return {
    rules: realmRules(realm, limits),
    ...authidRule(realm),
    dealing: {
      progressiveResultsRequireCanceling: realm.progressiveResultsRequireCanceling,
      timeoutUnit: realm.callTimeoutUnit,
      busyError: realm.busyError,
      forceReregister: forceRule(realm.allowForceReregister),
    },
    authorization: authorization(realm, authenticators),
    keeping: {
      ...(realm.retention !== undefined && { retention: realm.retention }),
      ...(realm.history !== undefined && { history: realm.history }),
    },
    metaApi: realm.metaApi,
  };
}

function authorization({ roles }: Rules, authenticators: ReadonlySet<Uri>): AuthorizationSettings {
  const permissions = new Map(roles.map((role) => [role.name, role.permissions]));
  const remote = new Map(
    roles.flatMap(({ name, authorizer }) => (authorizer === undefined ? [] : [[name, authorizer]])),
  );
  // They receive who asks for what, and decide on it: like authenticators.
  const authorizers = [...remote.values()].map(({ procedure }) => procedure);
  const guarded = { routerProcedures: ROUTER_PROCEDURES, authenticators: new Set([...authenticators, ...authorizers]) };
  return { roles: new RoleAuthorizers(permissions, guarded), remote };
}

/** At most one session of an authid, if there is a rule without a number. */
function authidRule({ onDuplicate, maxSessionsPerAuthid = 1 }: Rules): Pick<RealmSettings, 'authidRule'> {
  return onDuplicate === 'allow' ? {} : { authidRule: { max: maxSessionsPerAuthid, full: onDuplicate } };
}

function realmRules(realm: Rules, limits: Limits): RealmRules {
  const { uriCheck, requestIdCheck, allowDisclose, callTimeoutUnit } = realm;
  const { maxUriBytes, maxUriComponents } = limits;
  const bounds = { maxUriBytes, maxUriComponents };
  return { uriCheck, requestIdCheck, allowDisclose, callTimeoutUnit, ...bounds };
}

function forceRule(allowed: Rules['allowForceReregister']): ForceRule {
  if (allowed === 'same-authid') return allowed;
  return allowed ? 'anybody' : 'nobody';
}
