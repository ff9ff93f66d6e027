import { parseConfig } from './load.js';
import type { Config, RealmConfig } from './schema.js';
import { SETTINGS } from './settings.js';

/** A new configuration, compared with the one in effect. */
export interface ReloadPlan {
  /** The configuration after the reload: the new one, with the old value of each setting in `needsRestart`. */
  readonly config: Config;
  /** Paths of the settings that the reload changes. */
  readonly changed: readonly string[];
  /** Paths of the settings that differ and need a restart. */
  readonly needsRestart: readonly string[];
}

/** Settings and sections that a reload changes. The others are read once, when the node starts. */
export const RELOADABLE = [
  'listen.tls.certFile',
  'listen.tls.keyFile',
  'listen.tls.passphrase',
  'listen.allowedOrigins',
  'listen.authMethods',
  'limits.handshakeTimeoutMs',
  'limits.maxHandshakesPerSecond',
  'limits.maxWaitingHandshakes',
  'limits.goodbyeTimeoutMs',
  'limits.maxSessions',
  'limits.maxRealms',
  'limits.maxSubscriptionsPerSession',
  'limits.maxRegistrationsPerSession',
  'limits.maxPendingCallsPerSession',
  'limits.maxPendingAuthentications',
  'limits.maxUriBytes',
  'limits.maxUriComponents',
  'limits.maxInboxMessages',
  'limits.maxInboxBytes',
  'limits.maxHeldMessages',
  'limits.maxHeldBytes',
  'limits.maxTestamentsPerSession',
  'limits.maxTestamentBytes',
  'limits.maxTotalTestamentBytes',
  'limits.maxAuthextraBytes',
  'limits.maxMetaListIds',
  'limits.metaQuestionTimeoutMs',
  'limits.maxCallTimeoutMs',
  'limits.interruptTimeoutMs',
  'limits.abandonedInvocationTimeoutMs',
  'realms',
  'realmTemplate',
  'log.level',
  'drain',
] as const;

/** Settings of each of `listeners` that a reload changes, where the list has the same listeners before and after. */
export const RELOADABLE_OF_LISTENERS = ['allowedOrigins', 'authMethods'] as const;

/**
 * Rules that calls in flight, or the sessions of an authid on all nodes, depend on: those of a realm that both configurations
 * have need a restart.
 */
export const RESTART_RULES = [
  'maxSessionsPerAuthid',
  'onDuplicate',
  'callTimeoutUnit',
  'busyError',
  'allowForceReregister',
  'progressiveResultsRequireCanceling',
] as const satisfies readonly (keyof RealmConfig)[];

/**
 * Finds out what a reload changes. Settings that need a restart keep their values. Errors: ConfigUnusableError when the
 * rest does not fit to these values.
 */
export function planReload(current: Config, next: Config): ReloadPlan {
  const changed: string[] = [];
  const needsRestart: string[] = [];
  const merged = structuredClone(next) as Mutable;
  const toggled = OPTIONAL_SECTIONS.filter((path) => isThere(current, path) !== isThere(next, path));
  for (const path of units()) {
    const [before, after] = [valueAt(current, path), valueAt(next, path)];
    if (isSame(before, after)) continue;
    const inListeners = path[0] === 'listeners' ? changesInListeners(current.listeners, next.listeners) : undefined;
    if (inListeners !== undefined) {
      changed.push(...inListeners);
      continue;
    }
    const isReloaded = isReloadable(path) && !toggled.some((section) => isWithin(path, section));
    (isReloaded ? changed : needsRestart).push(path.join('.'));
    if (!isReloaded) put(merged, path, before);
  }
  for (const section of toggled) {
    // The section is taken with all its settings: the schema would complete a part of it.
    put(merged, section, valueAt(current, section));
    if (!needsRestart.some((path) => isWithin(path.split('.'), section))) needsRestart.push(section.join('.'));
  }
  needsRestart.push(...keepRules(current, merged));
  return { config: needsRestart.length === 0 ? next : parseConfig(merged), changed, needsRestart };
}

type Mutable = Record<string, unknown>;
type Path = readonly string[];

/** Sections that a configuration may leave out. Adding or removing one needs a restart. */
const OPTIONAL_SECTIONS: readonly Path[] = SETTINGS.filter(
  ({ kind, isOptional, path }) => kind === 'section' && isOptional && path[0] !== 'realmTemplate',
).map(({ path }) => path);

/** The settings that are compared each by itself: lists and the template as a whole. */
function units(): readonly Path[] {
  const leaves = SETTINGS.filter(({ kind, path }) => kind !== 'section' && path[0] !== 'realmTemplate');
  return [...leaves.map(({ path }) => path), ['realmTemplate']];
}

export function isReloadable(path: Path): boolean {
  const text = path.join('.');
  return RELOADABLE.some((one) => text === one || text.startsWith(`${one}.`));
}

/** The settings of `listeners` that differ, if a reload can change all of them; else undefined. */
function changesInListeners(before: Config['listeners'], after: Config['listeners']): readonly string[] | undefined {
  if (before.length !== after.length) return undefined;
  const differing = before.flatMap((one, index) => {
    const [old, other] = [one as Mutable, after[index] as Mutable];
    const keys = [...new Set([...Object.keys(old), ...Object.keys(other)])];
    return keys.filter((key) => !isSame(old[key], other[key])).map((key) => [index, key] as const);
  });
  if (!differing.every(([, key]) => (RELOADABLE_OF_LISTENERS as readonly string[]).includes(key))) return undefined;
  return differing.map(([index, key]) => `listeners[${index}].${key}`);
}

function isThere(config: Config, path: Path): boolean {
  return valueAt(config, path) !== undefined;
}

function isWithin(path: Path, section: Path): boolean {
  return section.every((step, index) => path[index] === step);
}

/** Puts the old value of rules that need a restart into realms that are there already; returns the paths of those that differ. */
function keepRules(current: Config, merged: Mutable): string[] {
  const before = new Map(current.realms.map((realm) => [realm.name, realm]));
  const pairs = (merged['realms'] as Mutable[]).map(
    (realm, index) => [`realms[${index}]`, before.get(String(realm['name'])), realm] as const,
  );
  const { realmTemplate } = merged;
  const template = ['realmTemplate', current.realmTemplate, realmTemplate as Mutable | undefined] as const;
  return [...pairs, template].flatMap(([path, old, realm]) => {
    if (old === undefined || realm === undefined) return [];
    const differing = RESTART_RULES.filter((rule) => old[rule] !== realm[rule]);
    for (const rule of differing) put(realm, [rule], old[rule]);
    return differing.map((rule) => `${path}.${rule}`);
  });
}

function valueAt(tree: unknown, path: Path): unknown {
  return path.reduce<unknown>((node, key) => (node as Mutable | undefined)?.[key], tree);
}

/** `undefined`: removes it. */
function put(tree: Mutable, path: Path, value: unknown): void {
  const [key = '', ...rest] = path;
  if (rest.length > 0) {
    const inner = tree[key];
    if (inner === undefined && value === undefined) return;
    put((tree[key] ??= {}) as Mutable, rest, value);
  } else if (value === undefined) Reflect.deleteProperty(tree, key);
  else tree[key] = structuredClone(value);
}

/** Both come from the same schema, which gives keys their order; entries by authid may have another one. */
function isSame(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other);
}

/** JSON with the keys in order. */
export function canonical(value: unknown): string {
  const sorted = (_key: string, inner: unknown): unknown =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner;
  return value === undefined ? '' : JSON.stringify(value, sorted);
}
