import { canonical } from '../config/reload.js';
import type { Config, RealmConfig, RealmTemplateConfig } from '../config/schema.js';
import type { RealmSettings } from '../realm/realm.js';
import type { RealmPlan, RealmTemplate } from '../realm/realms.js';
import type { ForceRule } from '../routing/dealer/registrar.js';
import { PatternIndex } from '../routing/pattern-index.js';
import type { AuthMethod } from '../session/auth/method.js';
import type { RealmRules } from '../session/ports.js';
import { RoleAuthorizers } from '../session/authorization/role-authorizers.js';
import type { Logger } from '../telemetry/logger.js';
import type { Uri } from '../wamp/ids.js';
import { authMethods } from './auth-methods.js';
import { ROUTER_PROCEDURES } from './router-procedures.js';

type Rules = Omit<RealmConfig, 'name'>;
type Limits = Config['limits'];

/** The realms of a configuration, in the form that the realm layer takes. */
export function realmPlan({ realms, realmTemplate: template, limits }: Config): RealmPlan {
  return {
    configured: new Map(realms.map((realm) => [realm.name, realmSettings(realm, limits)])),
    template: template === undefined ? undefined : realmTemplate(template, limits),
  };
}

function realmTemplate(template: RealmTemplateConfig, limits: Limits): RealmTemplate {
  const names = new PatternIndex<object>();
  for (const { uri, match } of template.names) names.add(uri, match, template);
  return {
    settings: realmSettings(template, limits),
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
  /** By everything that they depend on. */
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

function realmSettings(realm: Rules, limits: Limits): RealmSettings {
  return {
    rules: realmRules(realm, limits),
    ...authidRule(realm),
    dealing: {
      progressiveResultsRequireCanceling: realm.progressiveResultsRequireCanceling,
      timeoutUnit: realm.callTimeoutUnit,
      busyError: realm.busyError,
      forceReregister: forceRule(realm.allowForceReregister),
    },
    authorizers: roleAuthorizers(realm),
  };
}

function roleAuthorizers({ roles }: Rules): RoleAuthorizers {
  const permissions = new Map(roles.map((role) => [role.name, role.permissions]));
  return new RoleAuthorizers(permissions, { routerProcedures: ROUTER_PROCEDURES, authenticators: new Set() });
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
