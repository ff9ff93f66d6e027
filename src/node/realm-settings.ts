import type { Config, RealmConfig, RealmTemplateConfig } from '../config/schema.js';
import type { RealmSettings } from '../realm/realm.js';
import type { RealmTemplate } from '../realm/realms.js';
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

/** The configured realms, in the form that the realm layer takes. */
export function configuredRealms({ realms, limits }: Config): ReadonlyMap<Uri, RealmSettings> {
  return new Map(realms.map((realm) => [realm.name, realmSettings(realm, limits)]));
}

export function realmTemplate(template: RealmTemplateConfig, limits: Limits): RealmTemplate {
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
 * Methods by which sessions may join a realm. Made once for a node, because it derives the keys of salted secrets; realms of
 * the template share theirs.
 */
export function realmAuthMethods({ realms, realmTemplate: template }: Config, logger: Logger): AuthMethodsOf {
  const configured = new Map(realms.map((realm) => [realm.name, authMethods(realm, logger)]));
  const ofTemplate = template === undefined ? [] : authMethods(template, logger);
  return (realm) => configured.get(realm) ?? ofTemplate;
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
