import { readFileSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, root), 'utf8');
const withoutCode = /node_modules|\/dist\/|\/vendor\//;

const filesBelow = (folder: string): string[] =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file}`)
    .filter((file) => /\.(ts|mjs|lua|md|yml|yaml)$/.test(file) && !withoutCode.test(file));

const cited = [
  ...['src', 'test', 'docs', 'bench', 'deploy'].flatMap(filesBelow),
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
];

/** Names that look like the id of a rule: UTF-8, CRC-32, the curve P-256, SHA-256. */
const NO_RULE = /^(UTF|CRC|P|SHA)-/;

const matches = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, id]) => id!);

const rules = matches(read('docs/wamp-rules.md'), /^(?:\* \*\*|\| )([A-Z]+-\d+)\b/gm);
const promises = matches(read('docs/semantics.md'), /^\| (G\d+) /gm);
const decisions = matches(read('src/README.md'), /^- \*\*(D\d+)\b/gm);
const sections = matches(read('docs/wamp-rules.md'), /^#+ (\d+(?:\.\d+)?)\b/gm).map((number) => `rules ${number}`);
const records = readdirSync(new URL('docs/adr', root)).map((file) => `ADR ${Number(file.slice(0, 4))}`);
const defined = new Set([...rules, ...promises, ...decisions, ...sections, ...records]);

/** All that a line cites; of a range, `ORD-1..5` or `ORD-1..ORD-5`, all that it covers. */
function citations(line: string): string[] {
  const single = matches(line, /\b([A-Z]{1,5}-\d+|[GD][1-9]\d?|[Rr]ules \d+(?:\.\d+)?|ADR \d+)\b/g);
  const ranges = [...line.matchAll(/\b([A-Z]+-|G)(\d+)(?:\.\.|–)(?:[A-Z]+-|G)?(\d+)\b/g)].flatMap(
    ([, prefix, from, to]) =>
      Array.from({ length: Math.max(0, Number(to) - Number(from) + 1) }, (_, at) => `${prefix!}${Number(from) + at}`),
  );
  const ids = [...single, ...ranges].map((id) => id.replace(/^R(?=ules)/, 'r'));
  return [...new Set(ids)].filter((id) => !NO_RULE.test(id));
}

it('no rule, promise or decision is defined twice', () => {
  const ids = [...rules, ...promises, ...decisions];
  expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
  expect([rules.length > 250, promises.length, decisions.length]).toEqual([true, 11, 5]);
});

it('every cited rule, promise, decision, section and ADR is defined', () => {
  const undefinedIds = cited.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, at) =>
        citations(line)
          .filter((id) => !defined.has(id))
          .map((id) => `${file}:${at + 1}: ${id} is defined nowhere`),
      ),
  );
  expect(undefinedIds).toEqual([]);
});

it('docs/wamp-rules.md lists the rules that no test cites, and no others', () => {
  const tests = filesBelow('test').filter((file) => !file.startsWith('test/static/'));
  const tested = new Set(tests.flatMap((file) => read(file).split('\n').flatMap(citations)));
  const page = read('docs/wamp-rules.md');
  const list = page.slice(page.indexOf('\n## 15. ')).replace(/\([^)]*\)/g, '');
  const untested = [...rules, ...promises].filter((id) => !tested.has(id));
  expect(list.split('\n').flatMap(citations).sort()).toEqual(untested.sort());
});
