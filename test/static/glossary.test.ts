import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, root), 'utf8');

/** Words in lower case with one space between them; `singleFlight`, `single-flight` and a line break read alike. */
const plain = (text: string): string =>
  text
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .replace(/[\s*/_-]+/g, ' ');

const sources = plain(
  readdirSync(new URL('src', root), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|lua)$/.test(file) && !file.includes('vendor'))
    .map((file) => read(`src/${file}`))
    .join('\n'),
);

const entries = [...read('docs/glossary.md').matchAll(/^\| (?!term \|)([^|-][^|]*) \| ([^|]+) \| `([^`]+)` \|$/gm)].map(
  ([, term, meaning, owner]) => ({ term: term!, meaning: meaning!, owner: owner! }),
);

it('docs/glossary.md has an entry for each idea, once, in one sentence', () => {
  const terms = entries.flatMap(({ term }) => term.split(', '));
  expect(terms.length).toBeGreaterThan(50);
  expect(terms.filter((term, at) => terms.indexOf(term) !== at)).toEqual([]);
  for (const { term, meaning } of entries) expect(meaning, term).toMatch(/^[^.]+\.$/);
});

it('docs/glossary.md has no line in its tables that is not an entry', () => {
  const rows = read('docs/glossary.md')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| term |'));
  expect(rows).toHaveLength(entries.length);
});

it('each owner in docs/glossary.md is a file', () => {
  const missing = entries.filter(({ owner }) => !existsSync(new URL(owner, root)));
  expect(missing).toEqual([]);
});

it('src uses each term of docs/glossary.md', () => {
  const unused = entries.filter(({ term }) => !term.split(', ').some((word) => sources.includes(plain(word))));
  expect(unused).toEqual([]);
});
