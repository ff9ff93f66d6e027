import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { checkAcross } from './checks.js';
import { Draft } from './draft.js';
import { ConfigUnusableError, dotted, type ConfigFault } from './faults.js';
import { readConfigFile } from './file.js';
import { CONFIG_SCHEMA, type Config, type ConfigInput } from './schema.js';
import { DEFAULTS_VARIABLE, FILE_VARIABLE, keysAt } from './settings.js';
import { didYouMean } from './suggest.js';
import { writeEnvironment, writeOverrides, type Override } from './overrides.js';
import { SecretReader, type Environment, type UnreadSecrets } from './secrets.js';

export interface ConfigSources {
  /** YAML or JSON. Absent: the file that GANTRY_CONFIG names, else gantry.yaml in the working directory, else none. */
  readonly file?: string | undefined;
  readonly environment?: Environment;
  readonly overrides?: readonly Override[];
}

/**
 * Reads the configuration: defaults ← file of defaults ← file ← environment ← flags. The result is complete, checked and deeply frozen.
 * Errors: ConfigUnusableError with every fault found.
 */
export function loadConfig({ file, environment = {}, overrides = [] }: ConfigSources): Config {
  const draft = new Draft();
  const faults: ConfigFault[] = [];
  const unread: UnreadSecrets = [];
  const secretsOf = (name: string, folder: string): SecretReader =>
    new SecretReader({ name, folder, environment }, faults, unread);
  const defaults = environment[DEFAULTS_VARIABLE] ?? '';
  const files = [defaults === '' ? undefined : defaults, configFile({ file, environment })];
  for (const path of files) if (path !== undefined) draftFile(path, draft, secretsOf(path, dirname(path)), faults);
  const fromWords = (name: string): SecretReader => secretsOf(name, '.');
  writeEnvironment(environment, draft, fromWords, faults);
  writeOverrides(overrides, draft, fromWords, faults);
  return conclude(draft, faults, unread);
}

/** Read where no other file is named, if it is there. */
export const DEFAULT_FILE = 'gantry.yaml';

/** The file that is read, if one is: the one that is named, else `gantry.yaml` in the working directory. */
export function configFile({ file, environment = {} }: ConfigSources): string | undefined {
  const path = file ?? environment[FILE_VARIABLE] ?? '';
  if (path !== '') return path;
  return existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined;
}

/** The same from a value: what is not in it has its default. Errors: ConfigUnusableError. */
export function parseConfig(input: ConfigInput): Config {
  const draft = new Draft();
  for (const [key, value] of Object.entries(input)) if (value !== undefined) draft.write([key], value, 'input');
  return conclude(draft, [], []);
}

function draftFile(file: string, draft: Draft, secrets: SecretReader, faults: ConfigFault[]): void {
  const content = readConfigFile(file, faults) ?? null;
  if (content !== null && (typeof content !== 'object' || Array.isArray(content))) {
    faults.push({ path: file, message: 'Invalid input: expected settings by name' });
    return;
  }
  draft.write([], secrets.read(content, []), file);
}

function conclude(draft: Draft, faults: ConfigFault[], unread: UnreadSecrets): Config {
  const result = CONFIG_SCHEMA.safeParse(draft.tree);
  for (const issue of result.error?.issues ?? [])
    if (!unread.some((secret) => isAbout(issue, secret))) faults.push(...explain(issue, draft));
  checkAcross(draft.tree, (path, message) =>
    faults.push({ path: dotted(path), message, source: draft.sourceOfValue(path) }),
  );
  if (faults.length > 0 || !result.success) throw new ConfigUnusableError(faults);
  return freeze(decide(result.data));
}

/** Whether the schema may only miss this secret. */
function isAbout({ path, code }: z.core.$ZodIssue, secret: readonly PropertyKey[]): boolean {
  if (!path.every((step, index) => step === secret[index])) return false;
  return path.length === secret.length || code === 'custom' || code === 'invalid_union';
}

/** The words of the pages for the types of the schema library. */
const NAMES: Readonly<Record<string, string>> = {
  record: 'entries by name',
  object: 'settings by name',
  array: 'a list',
};

const CROSSBAR_HINT = ', which is of Crossbar.io: gantry convert crossbar FILE translates its configuration';

function isOfCrossbar(path: string, key: string): boolean {
  return path === '' && (key === 'workers' || key === 'controller');
}

function explain(issue: z.core.$ZodIssue, draft: Draft): ConfigFault[] {
  const path = dotted(issue.path);
  const meant = issue.code === 'invalid_union' ? meantOf(issue) : issue.code === 'invalid_key' ? issue.issues : [];
  if (meant.length > 0)
    return meant.flatMap((inner) => explain({ ...inner, path: [...issue.path, ...inner.path] }, draft));
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(issue.path);
    return issue.keys.map((key) => ({
      path,
      message: `Unrecognized key: "${key}"${isOfCrossbar(path, key) ? CROSSBAR_HINT : didYouMean(key, known)}`,
      source: draft.sourceOf([...issue.path, key]),
    }));
  }
  const message = issue.message
    .replace(/^Invalid input: (.*), received undefined$/, 'Missing: $1')
    .replace('expected int, received number', 'expected a whole number')
    .replace(
      /(expected|received) (record|object|array)\b/g,
      (_, verb: string, type: string) => `${verb} ${NAMES[type]}`,
    );
  return [{ path, message, source: draft.sourceOf(issue.path) }];
}

/** The issues of the alternative that a value of this type can only mean, if there is exactly one. */
function meantOf({ errors }: z.core.$ZodIssueInvalidUnion): readonly z.core.$ZodIssue[] {
  const meant = errors.filter(
    (issues) => !issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
  );
  return meant.length === 1 ? (meant[0] ?? []) : [];
}

function decide({ realms, realmTemplate, ...rest }: z.output<typeof CONFIG_SCHEMA>): Config {
  return {
    ...rest,
    realms: realms.map((realm) => ({ ...realm, anonymousRole: anonymousRole(realm) })),
    ...(realmTemplate && { realmTemplate: { ...realmTemplate, anonymousRole: anonymousRole(realmTemplate) } }),
  };
}

function anonymousRole({
  roles,
  auth,
  ...rules
}: {
  roles: { name: string }[];
  anonymousRole?: string | null;
  auth?: { readonly anonymous?: unknown };
}): string | null {
  if (rules.anonymousRole !== undefined) return rules.anonymousRole;
  if (auth?.anonymous !== undefined) return null;
  return roles.some(({ name }) => name === 'anonymous') ? 'anonymous' : null;
}

function freeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(Object.freeze(value))) freeze(inner);
  return value;
}
