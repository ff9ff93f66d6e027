import { z } from 'zod';
import { CONFIG_SCHEMA } from './schema.js';

/** The part of JSON Schema that the configuration schema turns into. */
export interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  /** Schema of each value, where keys are free. */
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly multipleOf?: number;
  /** A secret: never shown. */
  readonly writeOnly?: boolean;
  /** A URL that may hold a password, which is never shown. */
  readonly mayHoldPassword?: boolean;
}

export type SettingKind = 'section' | 'list' | 'string' | 'nullable string' | 'string or list' | 'number' | 'boolean';

/** Something with a path of its own; a list is one setting, whatever is in it. */
export interface Setting {
  readonly path: readonly string[];
  /** Environment variable that sets it. */
  readonly variable: string;
  readonly kind: SettingKind;
  readonly isOptional: boolean;
  readonly schema: SchemaNode;
}

export const VARIABLE_PREFIX = 'GANTRY_';
/** `GANTRY_LISTEN_TLS_PASSPHRASE_FILE` names a file that holds the passphrase. */
const FILE_SUFFIX = '_FILE';
/** Names the configuration file, like --config. No setting may be called so. */
export const FILE_VARIABLE = 'GANTRY_CONFIG';
/** Names a file that everything else outranks: what an image or a package changes in the defaults. */
export const DEFAULTS_VARIABLE = 'GANTRY_DEFAULTS';

export function jsonSchema(): SchemaNode & Record<string, unknown> {
  return {
    ...(z.toJSONSchema(CONFIG_SCHEMA, { io: 'input' }) as SchemaNode),
    title: 'Configuration of Gantry',
  };
}

/** Every setting, sections before what is in them, in the order of the schema. */
export const SETTINGS: readonly Setting[] = [...walk(jsonSchema(), [])];

const byVariable = new Map(SETTINGS.map((setting) => [setting.variable, setting]));
const byPath = new Map(SETTINGS.map((setting) => [setting.path.join('.'), setting]));

export const VARIABLES: readonly string[] = [FILE_VARIABLE, DEFAULTS_VARIABLE, ...byVariable.keys()];
export const PATHS: readonly string[] = [...byPath.keys()];

export function settingOfVariable(variable: string): Setting | undefined {
  return byVariable.get(variable);
}

/** The secret whose value is in the file that `GANTRY_…_FILE` names. */
export function secretOfFileVariable(variable: string): Setting | undefined {
  if (!variable.endsWith(FILE_SUFFIX)) return undefined;
  const setting = byVariable.get(variable.slice(0, -FILE_SUFFIX.length));
  return setting !== undefined && isSecret(setting) ? setting : undefined;
}

export function isSecret({ schema }: Setting): boolean {
  return schema.writeOnly === true || schema.mayHoldPassword === true;
}

export function settingAt(path: string): Setting | undefined {
  return byPath.get(path);
}

/** Keys that are known at a path into the configuration, which may lead through lists. */
export function keysAt(path: readonly PropertyKey[]): string[] {
  let node: SchemaNode | undefined = jsonSchema();
  for (const step of path) node = node === undefined ? undefined : childOf(node, step);
  return Object.keys(node?.properties ?? {});
}

/** The schema of what stands at one step of a path. */
export function childOf(node: SchemaNode, step: PropertyKey): SchemaNode | undefined {
  if (typeof step === 'number') return node.items;
  const named = node.properties?.[String(step)];
  return named ?? (typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined);
}

/** listen.tls.certFile → GANTRY_LISTEN_TLS_CERT_FILE */
export function variableOf(path: readonly string[]): string {
  return VARIABLE_PREFIX + path.map((step) => step.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()).join('_');
}

function* walk(node: SchemaNode, parent: readonly string[]): Generator<Setting> {
  for (const [key, schema] of Object.entries(node.properties ?? {})) {
    const path = [...parent, key];
    const isOptional = schema.default === undefined && node.required?.includes(key) !== true;
    yield { path, variable: variableOf(path), kind: kindOf(schema), isOptional, schema };
    yield* walk(schema, path);
  }
}

function kindOf(schema: SchemaNode): SettingKind {
  // A text that is neither `true` nor `false` stays text.
  if (schema.anyOf?.some(({ type }) => type === 'boolean') === true) return 'boolean';
  if (schema.anyOf !== undefined)
    return schema.anyOf.some(({ type }) => type === 'array') ? 'string or list' : 'nullable string';
  switch (schema.type) {
    case 'object':
      return 'section';
    case 'array':
      return 'list';
    case 'integer':
      return 'number';
    case 'boolean':
      return 'boolean';
    default:
      return 'string';
  }
}
