import { existsSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import config from '../vitest.config.js';

it('every folder with tests is a project of test/vitest.config.ts', () => {
  const names = (config.test?.projects ?? []).map((project) => (project as { test: { name: string } }).test.name);
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
