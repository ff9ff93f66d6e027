import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { afterAll, beforeAll } from 'vitest';
import { convertFile } from '../../../../src/cli/convert/command.js';
import { loadConfig } from '../../../../src/config/load.js';
import type { Config } from '../../../../src/config/schema.js';

/** Configurations of Crossbar.io, each a file that begins with its number. */
export const folder = fileURLToPath(new URL('configurations/', import.meta.url));
export const files = readdirSync(folder).sort();
export const output = mkdtempSync(join(tmpdir(), 'gantry-convert-'));
afterAll(() => rmSync(output, { recursive: true }));

export interface Converted {
  readonly code: number;
  readonly text: string;
  /** As a node reads the result. */
  readonly config: Config;
  readonly raw: { realms: { auth?: Record<string, unknown> }[]; listen: object };
  /** Paths of what decides who may do what, and of the rest. */
  readonly security: readonly string[];
  readonly others: readonly string[];
}

/** By the number of the file. */
export const results = new Map<string, Converted>();

export function convert(name: string): Converted {
  const file = files.find((one) => one.startsWith(name))!;
  const { text, code } = convertFile(join(folder, file));
  const path = join(output, `${basename(file)}.yaml`);
  writeFileSync(path, text);
  const [first = '', second = ''] = text.split('# Not converted, or not exactly:');
  const paths = (part: string): string[] => [...part.matchAll(/^# - (\S+): /gm)].map(([, one]) => one!);
  const hasSecurity = first.includes('decides who may do what');
  return {
    code,
    text,
    config: loadConfig({ file: path, environment: { CRANE_TICKET: 'from the environment' } }),
    raw: parse(text),
    security: hasSecurity ? paths(first) : [],
    others: paths(hasSecurity || second !== '' ? second : first),
  };
}

beforeAll(() => {
  for (const file of files) results.set(file.slice(0, 2), convert(file));
});
export const result = (number: string): Converted => results.get(number)!;
export const firstRealm = (number: string): Config['realms'][number] => result(number).config.realms[0]!;
