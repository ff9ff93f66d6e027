import { existsSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import config from '../vitest.config.js';

interface Project {
  readonly test: { readonly name: string; readonly include: readonly string[] };
}

/** Of a project that includes nothing here, such as `containers` without an engine: its name. */
function folderOf({ name, include }: Project['test']): string {
  return include[0]?.split('/')[1] ?? name;
}

it('every folder with tests is a project of test/vitest.config.ts', () => {
  // Two projects may share a folder.
  const names = [...new Set((config.test?.projects ?? []).map((project) => folderOf((project as Project).test)))];
  const root = new URL('..', import.meta.url);
  const hasTests = (folder: string): boolean =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }).some((file) => file.endsWith('.test.ts'));
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(
    folders
      .map(({ name }) => name)
      .filter(hasTests)
      .sort(),
  ).toEqual(names.sort());
  expect(names.every((name) => existsSync(new URL(name, root)))).toBe(true);
});
