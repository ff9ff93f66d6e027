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
  readonly oneOf?: readonly SchemaNode[];
  readonly allOf?: readonly SchemaNode[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly multipleOf?: number;
  /** A public key, which may stand in a file as secrets may. */
  readonly isKeyText?: boolean;
  /** A secret: never shown. */
  readonly writeOnly?: boolean;
  /** A URL that may hold a password, which is never shown. */
  readonly mayHoldPassword?: boolean;
  /** The secret whose value is in the file that this key names. */
  readonly secretInFile?: string;
}

/** `map`: a section whose keys are free, which is one setting whatever is in it. */
export type SettingKind =
  | 'section'
  | 'map'
  | 'list'
  | 'section or list'
  | 'string'
  | 'nullable string'
  | 'string or list'
  | 'number'
  | 'boolean';

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

const PARSED_SCHEMA = z.toJSONSchema(CONFIG_SCHEMA, { io: 'input' }) as SchemaNode;
const WRITTEN_SCHEMA = { ...withSecretFiles(PARSED_SCHEMA), title: 'Configuration of Gantry' };

/** The schema of what a file may hold: each secret may also be named by its file. */
export function jsonSchema(): SchemaNode & Record<string, unknown> {
  return WRITTEN_SCHEMA;
}

/** Every setting, sections before what is in them, in the order of the schema. */
export const SETTINGS: readonly Setting[] = [...walk(PARSED_SCHEMA, [])];

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
  return isSecretNode(schema);
}

export function isSecretNode({ writeOnly, mayHoldPassword }: SchemaNode): boolean {
  return writeOnly === true || mayHoldPassword === true;
}

export function settingAt(path: string): Setting | undefined {
  return byPath.get(path);
}

/** Keys that are known at a path into the configuration, which may lead through lists. */
export function keysAt(path: readonly PropertyKey[]): string[] {
  let nodes: readonly SchemaNode[] = [jsonSchema()];
  for (const step of path) nodes = childrenOf(nodes, step);
  return [...new Set(nodes.flatMap(alternatives).flatMap(({ properties = {} }) => Object.keys(properties)))];
}

/** The nodes that may stand at one step of a path, where each of `nodes` may stand before it. */
export function childrenOf(nodes: readonly SchemaNode[], step: PropertyKey): readonly SchemaNode[] {
  return nodes.flatMap(alternatives).flatMap((node) => {
    if (typeof step === 'number') return node.items ?? [];
    const { properties = {}, additionalProperties } = node;
    const key = String(step);
    if (Object.hasOwn(properties, key)) return properties[key] ?? [];
    return typeof additionalProperties === 'object' ? additionalProperties : [];
  });
}

/** A schema, and everything that it lets stand in its place. */
export function alternatives(node: SchemaNode): readonly SchemaNode[] {
  const { anyOf = [], oneOf = [], allOf = [] } = node;
  return [node, ...[...anyOf, ...oneOf, ...allOf].flatMap(alternatives)];
}

/** The same schema, with a key `…File` behind each secret. */
function withSecretFiles(node: SchemaNode): SchemaNode {
  const { properties, items, additionalProperties, required } = node;
  const list = (key: 'anyOf' | 'oneOf' | 'allOf') => node[key] && { [key]: node[key].map(withSecretFiles) };
  const isLiteral = (key: string): boolean => !mayBeInFile(properties?.[key] ?? {});
  return {
    ...node,
    ...list('anyOf'),
    ...list('oneOf'),
    ...list('allOf'),
    ...(properties && { properties: Object.fromEntries(Object.entries(properties).flatMap(withSecretFile)) }),
    ...(items && { items: withSecretFiles(items) }),
    ...(typeof additionalProperties === 'object' && { additionalProperties: withSecretFiles(additionalProperties) }),
    ...(required && { required: required.filter(isLiteral) }),
  };
}

function withSecretFile([key, schema]: readonly [string, SchemaNode]): [string, SchemaNode][] {
  if (!mayBeInFile(schema)) return [[key, withSecretFiles(schema)]];
  const description = `File whose text is \`${key}\`, instead of it. A line end behind the text does not count. Relative to the folder of the configuration file.`;
  return [
    [key, schema],
    [`${key}File`, { type: 'string', description, secretInFile: key }],
  ];
}

function mayBeInFile(schema: SchemaNode): boolean {
  return isSecretNode(schema) || schema.isKeyText === true;
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

/** A key of a section. */
export interface Property {
  readonly schema: SchemaNode;
  /** In every alternative that has the key. */
  readonly isRequired: boolean;
}

/** The keys of a section, also of one that has alternatives: in their order, each once. Lists are no sections. */
export function propertiesOf(node: SchemaNode): Readonly<Record<string, Property>> {
  const found: Record<string, Property> = {};
  for (const { properties = {}, required = [] } of alternatives(node)) {
    for (const [key, schema] of Object.entries(properties)) {
      const earlier = found[key];
      const isRequired = required.includes(key) && earlier?.isRequired !== false;
      found[key] = { schema: earlier === undefined ? schema : eitherOf(earlier.schema, schema), isRequired };
    }
  }
  return found;
}

function eitherOf(one: SchemaNode, other: SchemaNode): SchemaNode {
  if (JSON.stringify(one) === JSON.stringify(other)) return one;
  const nodes = [one, other];
  const { description = '' } = one;
  if (nodes.every(isChoice)) return { description, enum: nodes.flatMap((node) => node.enum ?? [node.const]) };
  const both = [...new Set([description, other.description ?? ''])].join(' ');
  return { description: both, anyOf: nodes.flatMap((node) => node.anyOf ?? [node]) };
}

function isChoice(node: SchemaNode): boolean {
  return node.enum !== undefined || node.const !== undefined;
}

function kindOf(schema: SchemaNode): SettingKind {
  if (schema.anyOf?.some((one) => Object.keys(propertiesOf(one)).length > 0) === true) return 'section or list';
  // A text that is neither `true` nor `false` stays text.
  if (schema.anyOf?.some(({ type }) => type === 'boolean') === true) return 'boolean';
  if (schema.anyOf?.some(({ type }) => type === 'integer') === true) return 'number';
  if (schema.anyOf !== undefined)
    return schema.anyOf.some(({ type }) => type === 'array') ? 'string or list' : 'nullable string';
  switch (schema.type) {
    case 'object':
      return schema.properties === undefined ? 'map' : 'section';
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
