import { stringify } from 'yaml';
import { withoutPassword } from './schema/backplane-schema.js';
import type { Config } from './schema.js';
import {
  alternatives,
  childrenOf,
  DEFAULTS_VARIABLE,
  FILE_VARIABLE,
  isSecret,
  isSecretNode,
  jsonSchema,
  SETTINGS,
  type SchemaNode,
  type Setting,
} from './settings.js';

const MASK = '********';

/** The configuration as YAML that can be loaded again, but for its secrets: they are masked. */
export function renderConfig(config: Config): string {
  const copy = masked(config) as Record<string, unknown>;
  // The order of the schema, which is that of the reference.
  const order = SETTINGS.filter(({ path }) => path.length === 1).map(({ path }) => path[0] ?? '');
  const sorted = Object.fromEntries(order.filter((key) => copy[key] !== undefined).map((key) => [key, copy[key]]));
  return stringify(sorted, { aliasDuplicateObjects: false, lineWidth: 120 });
}

/** A part of a configuration as YAML that can be loaded again, secrets included. */
export function renderYaml(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 120 });
}

/** Every environment variable with its type, default and description, as a commented file of variables. */
export function renderVariables(): string {
  const file = `# Path of the configuration file, like --config.\n# string; no default\n#${FILE_VARIABLE}=\n`;
  const defaults = `# Path of a file that everything else outranks: what an image changes in the defaults.\n# string; no default\n#${DEFAULTS_VARIABLE}=\n`;
  return [file, defaults, ...SETTINGS.filter(isShown).map(describeVariable)].join('\n');
}

/** Sections that always are there need no variable of their own in a list; what is in them has one. */
function isShown({ kind, isOptional, schema }: Setting): boolean {
  return kind !== 'section' || isOptional || schema.properties === undefined;
}

/** `integer 0–65535`, `"a" or "b"`, `list of string`, as people read it. */
export function typeText(node: SchemaNode): string {
  const either = node.anyOf ?? node.oneOf;
  if (either !== undefined) return [...new Set(either.map(typeText))].join(' or ');
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return node.enum.map((value) => JSON.stringify(value)).join(' or ');
  if (node.items !== undefined)
    return `list of ${node.items.anyOf || node.items.enum ? `(${typeText(node.items)})` : typeText(node.items)}`;
  if (node.type === 'object') return 'section';
  if (node.type !== 'integer') return `${node.writeOnly === true ? 'secret ' : ''}${node.type ?? 'any'}`;
  const range = `integer ${node.minimum ?? '…'}–${node.maximum ?? '…'}`;
  return node.multipleOf === undefined ? range : `${range}, multiple of ${node.multipleOf}`;
}

function describeVariable(setting: Setting): string {
  const { variable, kind, schema, isOptional } = setting;
  const json = ['list', 'section', 'map', 'section or list'].includes(kind)
    ? ', as JSON'
    : kind === 'string or list'
      ? ', a list as JSON'
      : '';
  const fallback =
    schema.default === undefined
      ? isOptional
        ? 'no default'
        : 'required with its section'
      : `default ${wordOf(schema)}`;
  const lines = [`# ${schema.description ?? ''}`, `# ${typeText(schema)}${json}; ${fallback}`, `#${variable}=`];
  const secret = isSecret(setting) ? ['# or, with the value in a file:', `#${variable}_FILE=`] : [];
  return `${[...lines, ...secret].join('\n')}\n`;
}

function wordOf({ default: value }: SchemaNode): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A copy in which secrets are masked, wherever they stand. `schemas`: what the value may be. */
export function masked(value: unknown, schemas: readonly SchemaNode[] = [jsonSchema()]): unknown {
  const all = schemas.flatMap(alternatives);
  if (all.some(({ writeOnly }) => writeOnly === true)) return MASK;
  if (all.some(({ mayHoldPassword }) => mayHoldPassword === true)) return withoutPassword(String(value));
  if (typeof value !== 'object' || value === null) return value;
  const inner = (key: PropertyKey, one: unknown): unknown => masked(one, childrenOf(schemas, key));
  if (Array.isArray(value)) return value.map((one, index) => inner(index, one));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inner(key, one)]));
}

/** The secrets of a configuration, by path. */
export function secretsIn(
  value: unknown,
  path = '',
  schemas: readonly SchemaNode[] = [jsonSchema()],
): Readonly<Record<string, unknown>> {
  if (schemas.flatMap(alternatives).some(isSecretNode)) return { [path]: value };
  if (typeof value !== 'object' || value === null) return {};
  const inner = Object.entries(value).map(([key, one]) => {
    const step = Array.isArray(value) ? Number(key) : key;
    return secretsIn(one, `${path}.${key}`, childrenOf(schemas, step));
  });
  return Object.assign({}, ...inner) as Readonly<Record<string, unknown>>;
}
