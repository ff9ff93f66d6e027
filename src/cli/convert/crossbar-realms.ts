import type { Section } from './report.js';

export interface ConvertedPermission {
  readonly uri: string;
  readonly match?: string;
  readonly allow: Readonly<Record<string, boolean>>;
  readonly disclose?: Readonly<Record<string, boolean>>;
}

export interface ConvertedRole {
  readonly name: string;
  readonly permissions: readonly ConvertedPermission[];
  readonly authorizer?: { readonly procedure: string };
}

export interface ConvertedRealm {
  readonly path: string;
  readonly name: string;
  readonly roles: readonly ConvertedRole[];
  readonly uriCheck?: 'strict';
  readonly history?: readonly ConvertedHistory[];
}

export interface ConvertedHistory {
  readonly uri: string;
  readonly match?: string;
  readonly limit: number;
}

const MATCHES = ['exact', 'prefix', 'wildcard'];
/** Events of an entry where neither it nor the store has a number, and the most that Gantry keeps. */
const [USUAL_LIMIT, MAX_LIMIT, MAX_ENTRIES] = [100, 100_000, 100];
const ACTIONS = ['call', 'register', 'publish', 'subscribe'] as const;

export function convertRealm(realm: Section): ConvertedRealm | undefined {
  realm.take('id');
  const name = realm.text('name');
  if (name === undefined || name === '') {
    realm.report.security(realm.path, 'a realm without name was left out, with its roles');
    return undefined;
  }
  const roles = realm.sections('roles').flatMap((role) => convertRole(role) ?? []);
  const store = realm.section('store');
  const history = store === undefined ? [] : convertStore(store);
  const options = realm.section('options');
  const isStrict = options?.text('uri_check') === 'strict';
  options?.leave('a node bounds the work of a turn by itself', 'event_dispatching_chunk_size');
  options?.leave('the meta API is not bridged between realms', 'bridge_meta_api');
  options?.leave('metrics are on for every realm', 'enable_meta_api', 'topic_metrics');
  options?.end();
  realm.end();
  return {
    path: realm.path,
    name,
    roles,
    ...(isStrict && { uriCheck: 'strict' as const }),
    ...(history.length > 0 && { history }),
  };
}

function convertStore(store: Section): readonly ConvertedHistory[] {
  store.take('type');
  const limit = store.count('limit') ?? USUAL_LIMIT;
  const all = store.sections('event-history');
  for (const { path, report } of all.slice(MAX_ENTRIES)) report.note(path, `beyond ${MAX_ENTRIES} entries: left out`);
  store.leave('a call without a callee gets an error at once', 'call-queue');
  store.end();
  return all.slice(0, MAX_ENTRIES).flatMap((entry) => {
    const [uri, match] = [entry.text('uri'), entry.text('match') ?? 'exact'];
    const count = entry.count('limit') ?? limit;
    entry.end();
    if (uri !== undefined && MATCHES.includes(match))
      return [{ uri, ...(match !== 'exact' && { match }), limit: Math.min(Math.max(count, 1), MAX_LIMIT) }];
    entry.report.note(entry.path, 'has no uri, or no match that exists here: left out');
    return [];
  });
}

function convertRole(role: Section): ConvertedRole | undefined {
  role.take('id');
  const name = role.text('name');
  if (name === undefined || name === '') {
    role.report.security(role.path, 'a role without name was left out, with its permissions');
    return undefined;
  }
  const permissions = role.sections('permissions').flatMap((one) => convertPermission(one) ?? []);
  const procedure = authorizerOf(role);
  role.leaveSecurity('roles of this kind do not exist', 'disclose', 'authorizer-realm');
  role.end(true);
  return { name, permissions, ...(procedure !== undefined && { authorizer: { procedure } }) };
}

function authorizerOf(role: Section): string | undefined {
  const given = role.take('authorizer');
  if (given === undefined) return undefined;
  if (typeof given === 'string') return given;
  const inner = role.section('authorizer');
  const procedure = inner?.text('authorizer') ?? inner?.text('procedure');
  inner?.end(true);
  if (procedure === undefined) role.report.security(role.at('authorizer'), 'names no procedure and was left out');
  return procedure;
}

function convertPermission(permission: Section): ConvertedPermission | undefined {
  const given = permission.text('uri');
  if (given === undefined) {
    permission.report.security(permission.path, 'a permission without uri was left out');
    return undefined;
  }
  const isStarred = given.endsWith('*');
  const match = permission.text('match') ?? (isStarred ? 'prefix' : 'exact');
  const uri = isStarred && match === 'prefix' ? given.slice(0, -1) : given;
  if (!['exact', 'prefix', 'wildcard'].includes(match) || uri.includes('*')) {
    permission.report.security(permission.path, `uri "${given}" with match "${match}" has no counterpart: left out`);
    return undefined;
  }
  const allow = flagsOf(permission, 'allow', ACTIONS);
  const disclose = flagsOf(permission, 'disclose', ['caller', 'publisher']);
  for (const action of ACTIONS)
    permission.leaveSecurity('stands outside of "allow", as in configurations before version 2: left out', action);
  permission.leave('Gantry needs no such setting: it always remembers decisions', 'cache');
  permission.leaveSecurity('payloads are not validated', 'validate');
  permission.end(true);
  return {
    uri,
    ...(match !== 'exact' && { match }),
    allow,
    ...(Object.keys(disclose).length > 0 && { disclose }),
  };
}

/** Only those that are on: the others are off in Gantry too. */
function flagsOf(permission: Section, key: string, names: readonly string[]): Readonly<Record<string, boolean>> {
  const section = permission.section(key);
  const flags = names.filter((name) => section?.flag(name) === true).map((name) => [name, true] as const);
  section?.end(true);
  return Object.fromEntries(flags);
}
