import type { z } from 'zod';
import { isDict } from '../wamp/dict.js';
import { placeholderFlaw, withSamples } from '../wamp/uri-placeholders.js';
import { checkUri, type UriRules } from '../wamp/uri-rules.js';
import { authorizersAreSound } from './checks/authorizer-checks.js';
import { backplaneFits, backplaneIsNamed } from './checks/backplane-checks.js';
import { placedAuthenticators, placedEntries, principalsIn, type PrincipalConfig } from './auth-entries.js';
import { consoleFits } from './checks/console-checks.js';
import { certificateHeaderIsSound, certificatesAreSound } from './checks/certificate-checks.js';
import { bridgeIsSound } from './checks/http-bridge-checks.js';
import { webPathsAreFree, type TakenPath } from './checks/web-checks.js';
import { listenersAreSound, proxyProtocolFits } from './checks/listener-checks.js';
import { webSocketsIn, type PlacedWebSocket } from './listener-places.js';
import { processesFit } from './checks/process-checks.js';
import { realm, type realmTemplate } from './schema/realm-schema.js';
import { CONFIG_SCHEMA, type AuthConfig, type RealmConfig } from './schema.js';
import { httpListeners } from './served-paths.js';

type Parsed = z.output<typeof CONFIG_SCHEMA>;
type Realm = z.output<typeof realm>;
type Permissions = RealmConfig['roles'][number]['permissions'];
type Match = Permissions[number]['match'];
type Limits = Parsed['limits'];
type Path = readonly PropertyKey[];
type Report = (path: Path, message: string) => void;

/** Names that realms may have, whatever they come from. */
const REALM_NAME_RULES: UriRules = { uriCheck: 'loose', maxUriBytes: 255, maxUriComponents: 32 };

/** Checks what one setting means for another. Does what it can where other parts of the tree have faults. */
export function checkAcross(tree: Readonly<Record<string, unknown>>, report: Report): void {
  const { shape } = CONFIG_SCHEMA;
  const { data: listen } = shape.listen.safeParse(tree['listen']);
  const { data: listeners } = shape.listeners.safeParse(tree['listeners']);
  const { data: limits } = shape.limits.safeParse(tree['limits']);
  const { data: drain } = shape.drain.safeParse(tree['drain']);
  const { data: backplane } = shape.backplane.safeParse(tree['backplane']);
  const { data: template } = shape.realmTemplate.safeParse(tree['realmTemplate']);
  const realms = soundRealms(tree['realms']);
  const webSockets = listen && listeners && webSocketsIn(listen, listeners);
  portsAreSound(tree, report);
  for (const one of webSockets ?? []) certificateHeaderIsSound(one, report);
  if (drain) drainFits(drain, report);
  if (webSockets)
    cookiesFit(
      webSockets,
      [
        ...[...realms].map(([index, one]) => [['realms', index], one] as const),
        ...(template ? [[['realmTemplate'], template] as const] : []),
      ],
      report,
    );
  if (limits) limitsFit(limits, realms.size, report);
  realmNamesAreSound(realms, report);
  const bounds = limits ?? shape.limits.parse({});
  const realmNames = namesOfRealms(tree['realms'], realms);
  if (backplane) backplaneFits(backplane, bounds.maxMessageBytes, report);
  backplaneIsNamed(tree['backplane'], report);
  const { data: processes } = shape.processes.safeParse(tree['processes']);
  if (processes !== undefined && listen && listeners && backplane)
    processesFit({ processes, listen, listeners, backplane }, report);
  for (const [index, realm] of realms) {
    rulesAreSound(realm, bounds, realmNames, ['realms', index], report);
    certificatesAreSound(realm.auth, { webSockets, listeners }, ['realms', index, 'auth'], report);
  }
  const { data: services } = shape.httpBridge.safeParse(tree['httpBridge']);
  const served = httpListeners(tree);
  if (services && webSockets) {
    const realmsServed = tree['realms'] === undefined ? shape.realms.parse(undefined) : [...realms.values()];
    bridgeIsSound(services, realmsServed, realmNames, served, report);
  }
  for (const { name, taken, demo, web } of served)
    webPathsAreFree(web, [...taken, ...demo, ...bridgePathsAt(name, services ?? [])], report);
  if (template) {
    templateIsSound(template, bounds, realmNames, report);
    certificatesAreSound(template.auth, { webSockets, listeners }, ['realmTemplate', 'auth'], report);
  }
}

/** Ports that differ, and what is served at them. */
function portsAreSound(tree: Readonly<Record<string, unknown>>, report: Report): void {
  const { shape } = CONFIG_SCHEMA;
  const { data: listen } = shape.listen.safeParse(tree['listen']);
  const { data: listeners } = shape.listeners.safeParse(tree['listeners']);
  const { data: ops } = shape.ops.safeParse(tree['ops']);
  const { data: console } = shape.console.safeParse(tree['console']);
  proxyProtocolFits(tree, report);
  if (!listen) return;
  if (ops) portsDiffer(listen, ops, report);
  if (listeners) {
    const opsPlace = ops?.enabled === true ? [{ ...ops, setting: 'ops.port' }] : [];
    listenersAreSound(listeners, [{ ...listen, setting: 'listen.port' }, ...opsPlace], report);
  }
  if (console) consoleFits(console, listen, report);
}

function bridgePathsAt(listener: string, services: Parsed['httpBridge']): readonly TakenPath[] {
  return services.flatMap(({ path, listeners }, index) =>
    listeners.includes(listener) ? [{ path, setting: `httpBridge[${index}]`, isFolder: true }] : [],
  );
}

/** The realms without a fault of their own, by their index in the list. */
function soundRealms(list: unknown): ReadonlyMap<number, Realm> {
  const sound = new Map<number, Realm>();
  for (const [index, entry] of (Array.isArray(list) ? (list as unknown[]) : []).entries()) {
    const { data } = realm.safeParse(entry);
    if (data) sound.set(index, data);
  }
  return sound;
}

/** Also of realms with faults: nothing that names one of them has a fault of its own. */
function namesOfRealms(list: unknown, sound: ReadonlyMap<number, Realm>): ReadonlySet<string> {
  const names = (Array.isArray(list) ? (list as unknown[]) : []).flatMap((entry) => {
    const name = isDict(entry) ? entry['name'] : undefined;
    return typeof name === 'string' ? [name] : [];
  });
  return new Set([...names, ...[...sound.values()].map(({ name }) => name)]);
}

function portsDiffer(listen: Parsed['listen'], ops: Parsed['ops'], report: Report): void {
  if (!ops.enabled || listen.port === 0 || listen.port !== ops.port) return;
  const everywhere = ['0.0.0.0', '::'];
  const overlap = listen.host === ops.host || everywhere.includes(listen.host) || everywhere.includes(ops.host);
  if (overlap) report(['ops', 'port'], `Port ${ops.port} is that of listen.port too: give them different ones`);
}

/** Pages of every origin can open WebSockets, and browsers send cookies along: such a page would join as its visitor. */
function cookiesFit(
  webSockets: readonly PlacedWebSocket[],
  realms: readonly (readonly [at: Path, rules: Pick<Realm, 'auth'>])[],
  report: Report,
): void {
  for (const { at, setting, rules } of webSockets)
    if (rules.cookie?.sameSite === 'none' && !(rules.cookie.secure ?? rules.tls !== undefined))
      report([...at, 'cookie', 'sameSite'], `Invalid: browsers take "none" only with ${setting}.cookie.secure`);
  const login = realms.find(([, { auth }]) => auth?.cookie !== undefined)?.[0];
  if (login === undefined) return;
  const withCookie = webSockets.filter(({ rules }) => rules.cookie !== undefined);
  if (withCookie.length === 0)
    report([...login, 'auth', 'cookie'], 'Missing: it needs listen.cookie, or the cookie of another listener');
  for (const { at, rules } of withCookie)
    if (rules.allowedOrigins.includes('*'))
      report([...at, 'allowedOrigins'], 'Invalid with login by cookie: name the origins of your pages in place of "*"');
}

function drainFits({ periodMs, deadlineMs }: Parsed['drain'], report: Report): void {
  if (deadlineMs >= periodMs) return;
  report(['drain', 'deadlineMs'], `Too small: expected at least drain.periodMs, which is ${periodMs}`);
}

function limitsFit(limits: Limits, realmCount: number, report: Report): void {
  for (const name of ['maxUnsentBytes', 'maxInboxBytes'] as const) {
    if (limits[name] >= limits.maxMessageBytes) continue;
    const least = `limits.maxMessageBytes, which is ${limits.maxMessageBytes}`;
    report(['limits', name], `Too small: expected at least ${least}`);
  }
  for (const [total, one] of [
    ['maxTotalUnsentBytes', 'maxUnsentBytes'],
    ['maxTotalInboxBytes', 'maxInboxBytes'],
    ['maxTotalHeldBytes', 'maxHeldBytes'],
    ['maxTotalTestamentBytes', 'maxTestamentBytes'],
  ] as const) {
    const most = limits[total];
    if (most === undefined || most >= limits[one]) continue;
    report(['limits', total], `Too small: expected at least limits.${one}, which is ${limits[one]}`);
  }
  if (limits.maxRealms < realmCount) {
    report(['limits', 'maxRealms'], `Too small: expected at least ${realmCount}, the number of configured realms`);
  }
}

function realmNamesAreSound(realms: ReadonlyMap<number, Realm>, report: Report): void {
  const seen = new Set<string>();
  for (const [index, { name }] of realms) {
    const flaw = checkUri(name, 'exact', REALM_NAME_RULES);
    if (flaw !== undefined) report(['realms', index, 'name'], `Invalid URI "${name}": ${flaw}`);
    if (seen.has(name)) report(['realms', index, 'name'], `There is another realm "${name}"`);
    seen.add(name);
  }
}

function templateIsSound(
  template: z.output<typeof realmTemplate>,
  limits: Limits,
  realmNames: ReadonlySet<string>,
  report: Report,
): void {
  for (const [index, { uri, match }] of template.names.entries()) {
    const flaw = checkPattern(uri, match, REALM_NAME_RULES);
    if (flaw !== undefined) report(['realmTemplate', 'names', index, 'uri'], flaw);
  }
  rulesAreSound(template, limits, realmNames, ['realmTemplate'], report);
}

function rulesAreSound(
  rules: Omit<Realm, 'name'>,
  limits: Limits,
  realmNames: ReadonlySet<string>,
  at: Path,
  report: Report,
): void {
  const names = rules.roles.map(({ name }) => name);
  unique(names, (index, name) =>
    report([...at, 'roles', index, 'name'], `There is another role "${name}" in this realm`),
  );
  const { anonymousRole, maxSessionsPerAuthid, onDuplicate } = rules;
  if (maxSessionsPerAuthid !== undefined && onDuplicate === 'allow')
    report([...at, 'onDuplicate'], 'Invalid: with maxSessionsPerAuthid write "refuse" or "replace"');
  if (typeof anonymousRole === 'string' && !names.includes(anonymousRole)) {
    report([...at, 'anonymousRole'], `There is no role "${anonymousRole}" in this realm`);
  }
  authIsSound(rules, limits, realmNames, at, report);
  const uriRules = { ...limits, uriCheck: rules.uriCheck };
  patternsAreSound(rules.history ?? [], uriRules, [...at, 'history'], report);
  patternsAreSound(rules.retention?.topics ?? [], uriRules, [...at, 'retention', 'topics'], report);
  for (const [path, { role, permissions = [] }] of principalsOf(rules.auth ?? {})) {
    const principal = [...at, 'auth', ...path];
    if (!names.includes(role)) report([...principal, 'role'], `There is no role "${role}" in this realm`);
    permissionsAreSound(permissions, 'this principal', uriRules, [...principal, 'permissions'], report);
  }
  for (const [index, { permissions }] of rules.roles.entries())
    permissionsAreSound(permissions, 'this role', uriRules, [...at, 'roles', index, 'permissions'], report);
  const principals = principalsOf(rules.auth ?? {}).map(([, { role, permissions = [] }]) => ({ role, permissions }));
  authorizersAreSound(rules.roles, principals, uriRules, (path, message) => report([...at, ...path], message));
}

/** Every principal, and what else names one role, with its path below `auth`. */
export function principalsOf(auth: AuthConfig): (readonly [path: Path, principal: PrincipalConfig])[] {
  const listed = placedEntries(auth).flatMap(({ path, entry }) => {
    const [key, principals] = principalsIn(entry);
    return Object.entries(principals).map(([authid, principal]) => [[...path, key, authid], principal] as const);
  });
  const ofTokens = (auth.jwt ?? []).flatMap(({ role }, index) =>
    role === undefined ? [] : [[['jwt', index], { role }] as const],
  );
  return [...listed, ...ofTokens];
}

/** `realmNames`: realms in which an authenticator may be registered. */
function authIsSound(
  rules: Omit<Realm, 'name'>,
  limits: Limits,
  realmNames: ReadonlySet<string>,
  at: Path,
  report: Report,
): void {
  const { auth = {}, anonymousRole, uriCheck } = rules;
  if (auth.anonymous !== undefined && typeof anonymousRole === 'string')
    report([...at, 'auth', 'anonymous'], 'anonymousRole decides on anonymous sessions: remove it, or this section');
  for (const { path, entry } of placedAuthenticators(auth)) {
    const where = [...at, 'auth', ...path];
    const { authenticator, authenticatorRealm: realm } = entry;
    const flaw = checkPattern(authenticator, 'exact', { ...limits, uriCheck });
    if (flaw !== undefined) report([...where, 'authenticator'], flaw);
    else if (isOfRouter(authenticator)) report([...where, 'authenticator'], 'Procedures of the router decide nothing');
    if (realm !== undefined && !realmNames.has(realm))
      report([...where, 'authenticatorRealm'], `There is no realm "${realm}" under realms`);
  }
  const seen = new Set<string>();
  for (const { path, entry } of placedEntries(auth)) {
    const [key, principals] = principalsIn(entry);
    for (const authid of Object.keys(principals)) {
      const name = `${String(path[0])} ${authid}`;
      if (seen.has(name)) report([...at, 'auth', ...path, key, authid], 'An earlier entry has the same authid');
      seen.add(name);
    }
  }
}

function isOfRouter(uri: string): boolean {
  return uri.startsWith('wamp.') || uri.startsWith('gantry.');
}

function permissionsAreSound(
  permissions: Permissions,
  holder: string,
  rules: UriRules,
  at: Path,
  report: Report,
): void {
  for (const [index, { uri, match }] of permissions.entries()) {
    const flaw = checkPattern(uri, match, rules, withSamples(uri)) ?? checkPlaceholders(uri, match);
    if (flaw !== undefined) report([...at, index, 'uri'], flaw);
  }
  unique(
    permissions.map(({ uri, match }) => `${match} ${uri}`),
    (index) => report([...at, index], `There is another permission for the same uri and match in ${holder}`),
  );
}

/** Topics that applications publish to, each once. */
function patternsAreSound(
  patterns: readonly { readonly uri: string; readonly match: Match }[],
  rules: UriRules,
  at: Path,
  report: Report,
): void {
  for (const [index, { uri, match }] of patterns.entries()) {
    const flaw = checkPattern(uri, match, rules);
    if (flaw !== undefined) report([...at, index, 'uri'], flaw);
  }
  unique(
    patterns.map(({ uri, match }) => `${match} ${uri}`),
    (index) => report([...at, index], 'There is another entry for the same uri and match'),
  );
}

function checkPlaceholders(uri: string, match: Match): string | undefined {
  const flaw = placeholderFlaw(uri, match);
  return flaw === undefined ? undefined : `Invalid URI "${uri}" (match: ${match}): ${flaw}`;
}

/** `sample`: the URI that is checked in place of `uri`. */
function checkPattern(uri: string, match: Match, rules: UriRules, sample = uri): string | undefined {
  // Crossbar.io reads a trailing star as a prefix; here it would be a character that no URI contains.
  if (uri.endsWith('*'))
    return `Invalid URI "${uri}": write "${uri.slice(0, -1)}" with match: prefix instead of the star`;
  const flaw = checkUri(sample, match, rules);
  return flaw === undefined ? undefined : `Invalid URI "${uri}" (match: ${match}): ${flaw}`;
}

function unique(names: readonly string[], report: (index: number, name: string) => void): void {
  const seen = new Set<string>();
  for (const [index, name] of names.entries()) {
    if (seen.has(name)) report(index, name);
    seen.add(name);
  }
}
