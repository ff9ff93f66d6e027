import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../support/root.js';

const folder = join(root, 'docs/adr');
const files = readdirSync(folder).filter((name) => /^\d{4}-.*\.md$/.test(name));

it('numbers each decision once, without a gap, and by the number of its file', () => {
  expect(files.map((name) => Number(name.slice(0, 4)))).toEqual(files.map((_, index) => index + 1));
  const wrong = files.filter(
    (name) => !readFileSync(join(folder, name), 'utf8').startsWith(`# ${Number(name.slice(0, 4))}. `),
  );
  expect(wrong).toEqual([]);
});
