import { principalsIn, staticEntries, type AuthSection, type PrincipalConfig } from '../../config/auth-entries.js';
import { canonical } from '../../config/reload.js';
import type { AuthConfig, Config, RealmConfig, RealmTemplateConfig } from '../../config/schema.js';
import { AUTHPROVIDER } from '../../session/auth/credentials.js';
import { TOKEN_PROVIDER } from '../../session/auth/token.js';
import { DYNAMIC } from '../../session/auth/dynamic.js';
import { isGuarded } from '../../session/authorization/guarded-authorizer.js';
import type { Subject } from '../../session/authorization/permission.js';
import type { Realm } from '../../realm/realm.js';
import type { Session } from '../../session/ports.js';
import { createStaticAuthorizer } from '../../session/authorization/static-authorizer.js';
import type { Uri } from '../../wamp/ids.js';
import { CloseUri } from '../../wamp/uris.js';

type Rules = RealmConfig | RealmTemplateConfig;
type Role = Rules['roles'][number];
type Principals = Readonly<Record<string, PrincipalConfig>>;

/**
 * The effect of a reload on one session. `keeps`: it goes on as it joined. `rechecked`: the new permissions of this subject
 * decide on its messages. `closed`: the router closes it for this reason.
 */
export type ReloadEffect =
  | { readonly kind: 'keeps' }
  | { readonly kind: 'rechecked'; readonly subject: Subject }
  | { readonly kind: 'closed'; readonly reason: string };

type SessionTraits = Pick<Session, 'realm' | 'authid' | 'authrole' | 'authmethod' | 'authprovider'>;

const COOKIE = 'cookie';
/** Methods with principals in the configuration. */
const STATIC_METHODS = ['ticket', 'wampcra', 'scram', 'wamp-scram', 'cryptosign', 'tls'];
const ACTIONS = ['call', 'register', 'publish', 'subscribe'] as const;

/** Decides on the sessions of the realms that both configurations have, by `onWithdrawn` of the new one. */
export function withdrawals(before: Config, after: Config): (session: SessionTraits) => ReloadEffect {
  const [oldRules, newRules] = [rulesByRealm(before), rulesByRealm(after)];
  /** Many sessions share a realm and a role. */
  const remember = rememberedAnswers();
  return (session) => {
    const { realm, authid, authrole } = session;
    const [old, now] = [oldRules(realm), newRules(realm)];
    if (old === undefined || now === undefined || now.onWithdrawn === 'keep') return { kind: 'keeps' };
    if (session.authmethod === COOKIE && remember(['unchanged', realm], () => canonical(old) === canonical(now)))
      return { kind: 'keeps' };
    const role = now.roles.find(({ name }) => name === authrole);
    if (role === undefined) return closed(`the configuration has no role "${authrole}" in this realm any more`);
    const areSameIssuers = (): boolean =>
      remember(['issuers', realm], () => canonical(old.auth?.jwt) === canonical(now.auth?.jwt));
    const change =
      session.authmethod === COOKIE
        ? cookieChange(session, old, now)
        : principalChange(session, old, now, areSameIssuers);
    if (change === 'gone') return closed('the configuration does not have this principal any more');
    const { permissions = [] } = principalOf(now.auth, session) ?? {};
    const rechecked: ReloadEffect = { kind: 'rechecked', subject: { authid, authrole, permissions } };
    if (now.onWithdrawn === 'recheck') return rechecked;
    if (change === 'changed') return closed('the configuration of this principal has changed: authenticate again');
    const isNarrowed = remember(['narrowed', realm, authrole], () =>
      hasLess(
        old.roles.find(({ name }) => name === authrole),
        role,
      ),
    );
    return isNarrowed ? closed(`the role "${authrole}" may do less than before`) : rechecked;
  };
}

/** Sessions with the permissions that the configuration gives their principals. */
export function subjectsOf(config: Config): (session: SessionTraits) => Subject {
  const rules = rulesByRealm(config);
  return (session) => {
    const { permissions = [] } = principalOf(rules(session.realm)?.auth, session) ?? {};
    return { authid: session.authid, authrole: session.authrole, permissions };
  };
}

/** Computes an answer once for each key. */
function rememberedAnswers(): (key: readonly string[], answer: () => boolean) => boolean {
  const known = new Map<string, boolean>();
  return (key, answer) => {
    const text = JSON.stringify(key);
    const value = known.get(text) ?? answer();
    known.set(text, value);
    return value;
  };
}

function closed(reason: string): ReloadEffect {
  return { kind: 'closed', reason };
}

function rulesByRealm({ realms, realmTemplate }: Config): (realm: Uri) => Rules | undefined {
  const byName = new Map(realms.map((realm) => [realm.name, realm]));
  return (realm) => byName.get(realm) ?? realmTemplate;
}

/**
 * The configuration contains its own principals, and the issuers of tokens. An authenticator has decided on all other
 * principals.
 */
function principalChange(
  session: SessionTraits,
  before: Rules,
  after: Rules,
  areSameIssuers: () => boolean,
): 'none' | 'changed' | 'gone' {
  const { authrole, authmethod, authprovider } = session;
  if (authprovider === DYNAMIC) return 'none';
  if (authmethod === 'anonymous') return after.anonymousRole === authrole ? 'none' : 'gone';
  if (authprovider === TOKEN_PROVIDER) {
    if (after.auth?.jwt === undefined) return 'gone';
    return areSameIssuers() ? 'none' : 'changed';
  }
  if (authprovider !== AUTHPROVIDER) return 'none';
  const now = principalOf(after.auth, session);
  if (now?.role !== authrole) return 'gone';
  return canonical(principalOf(before.auth, session)) === canonical(now) ? 'none' : 'changed';
}

/**
 * A session that joined by cookie does not show how its principal has logged in: each of that authid and role may be the one.
 * Permissions of its own cannot be looked up again. The client that joins anew gets those of its login.
 */
function cookieChange({ authid, authrole }: SessionTraits, before: Rules, after: Rules): 'none' | 'changed' | 'gone' {
  const [old, now] = [before, after].map(({ auth }) =>
    STATIC_METHODS.flatMap((authmethod) => {
      const principal = principalOf(auth, { authid, authmethod, authprovider: AUTHPROVIDER });
      return principal?.role === authrole ? [principal] : [];
    }),
  );
  const isSame = canonical(old) === canonical(now);
  const hasOwn = now?.some(({ permissions = [] }) => permissions.length > 0) ?? false;
  if (hasOwn || (now?.length === 0 && !isSame)) return 'gone';
  return isSame ? 'none' : 'changed';
}

/** The principal in the configuration. Undefined: it is not there. O(entries of the method). */
export function principalOf(
  auth: AuthConfig | undefined,
  { authid, authmethod, authprovider }: Pick<SessionTraits, 'authid' | 'authmethod' | 'authprovider'>,
): PrincipalConfig | undefined {
  if (auth === undefined || authprovider !== AUTHPROVIDER) return undefined;
  // No other entry of the method has the same authid.
  return principalsOf(auth, authmethod).find((principals) => Object.hasOwn(principals, authid))?.[authid];
}

/** The principals of each entry of the method. */
function principalsOf(auth: AuthConfig, method: string): readonly Principals[] {
  switch (method) {
    case 'ticket':
    case 'wampcra':
    case 'scram':
    case 'cryptosign':
    case 'tls':
      return staticPrincipals(auth, method);
    case 'wamp-scram':
      return staticPrincipals(auth, 'wampScram');
    default:
      return [];
  }
}

function staticPrincipals(auth: AuthConfig, section: AuthSection): readonly Principals[] {
  return staticEntries<AuthSection>(auth, section).map((entry) => principalsIn(entry)[1]);
}

/**
 * Whether something that a permission allowed is not allowed any more. In doubt it is: a pattern counts as allowed only
 * where every URI that it matches is. A placeholder stands for itself.
 */
function hasLess(before: Role | undefined, after: Role): boolean {
  if (before === undefined || canonical(before) === canonical(after)) return false;
  if (before.authorizer !== undefined && before.authorizer.procedure !== after.authorizer?.procedure) return true;
  const authorizer = createStaticAuthorizer(after.permissions);
  return before.permissions.some(({ uri, match, allow }) =>
    ACTIONS.some((action) => {
      if (!allow[action]) return false;
      const decision = authorizer.authorize(action, uri, match);
      return decision instanceof Promise || !decision.allowed;
    }),
  );
}

/**
 * Carries the verdicts out. Closes also each session whose registration would receive what the router asks an authenticator or
 * authorizer that the new configuration introduces. O(sessions and their registrations).
 */
export function recheckSessions(
  realms: Iterable<Realm>,
  verdictOn: (session: SessionTraits) => ReloadEffect,
  subjectOf: (session: SessionTraits) => Subject,
): void {
  for (const realm of realms) {
    for (const session of [...realm.sessions]) {
      const verdict = verdictOn(session);
      if (verdict.kind === 'closed') session.close(CloseUri.KILLED, verdict.reason);
      else reauthorize(realm, session, verdict.kind === 'rechecked' ? verdict.subject : undefined, subjectOf);
    }
  }
}

/** `rechecked`: the permissions of this subject count from now on. Undefined: those that the session joined with. */
function reauthorize(
  realm: Realm,
  session: Session,
  rechecked: Subject | undefined,
  subjectOf: (session: SessionTraits) => Subject,
): void {
  const kept = session.authorizer && realm.reguarded(session.authorizer, subjectOf(session));
  const authorizer = rechecked === undefined ? kept : realm.authorizer(rechecked);
  if (authorizer === undefined) {
    session.close(CloseUri.KILLED);
    return;
  }
  const registrations = realm.dealer.registrationsOf(session.session);
  if (registrations.some(({ procedure, match }) => isGuarded(authorizer, procedure, match)))
    session.close(CloseUri.KILLED, 'a procedure of this session decides on clients from now on');
  else session.reauthorize(authorizer);
}
