// Writes dist/config/types.d.ts, the types of the configuration for programs: made of the schema, without a type of zod in it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CONFIG_SCHEMA } from '../../dist/config/schema.js';

const PRIMITIVES = { string: 'string', number: 'number', integer: 'number', boolean: 'boolean', null: 'null' };

/** The type of a value that the schema accepts. `indent`: that of the line in which it stands. */
function typeOf(schema, indent) {
  const { const: value, enum: values, anyOf, oneOf, allOf, type } = schema;
  if (value !== undefined) return JSON.stringify(value);
  if (values !== undefined) return values.map((one) => JSON.stringify(one)).join(' | ');
  const parts = anyOf ?? oneOf;
  if (parts !== undefined) return [...new Set(parts.map((part) => typeOf(part, indent)))].join(' | ');
  // Further patterns of a text say nothing about its type.
  if (allOf !== undefined && type === undefined) throw new Error('a part of the schema has no type');
  if (type === 'array') return `readonly (${typeOf(schema.items ?? {}, indent)})[]`;
  if (type === 'object') return objectType(schema, indent);
  if (type === undefined) return 'unknown';
  if (!(type in PRIMITIVES)) throw new Error(`a part of the schema has the type ${type}`);
  return PRIMITIVES[type];
}

function objectType({ properties, required = [], additionalProperties }, indent) {
  if (properties === undefined) return `{ readonly [name: string]: ${typeOf(additionalProperties ?? {}, indent)} }`;
  const inner = `${indent}  `;
  const fields = Object.entries(properties).flatMap(([name, property]) => [
    ...comment(property, inner),
    `${inner}readonly ${name}${required.includes(name) ? '' : '?'}: ${typeOf(property, inner)};`,
  ]);
  return ['{', ...fields, `${indent}}`].join('\n');
}

/** The description of a setting, and its default where that is one value. */
function comment({ description, default: standard }, indent) {
  const isValue = standard !== undefined && (typeof standard !== 'object' || standard === null);
  const lines = [description, isValue ? `@default ${JSON.stringify(standard)}` : undefined].filter((one) => one);
  if (lines.length === 0) return [];
  const text = lines.map((line) => line.replaceAll('*/', '*\\/').replace(/\s*\n\s*/g, ' '));
  return [`${indent}/**`, ...text.map((line) => `${indent} * ${line}`), `${indent} */`];
}

const schema = z.toJSONSchema(CONFIG_SCHEMA, { io: 'input' });
const text = [
  '/** A configuration as `gantry start --config FILE` reads it: everything that has a default may be left out. */',
  `export interface GantryConfig ${typeOf(schema, '')}`,
  '',
].join('\n');
writeFileSync(join(import.meta.dirname, '..', '..', 'dist', 'config', 'types.d.ts'), text);
