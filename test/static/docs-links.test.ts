import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);

const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
  ...['src', 'docs', 'bench', 'deploy'].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
      .map((file) => `${folder}/${file}`)
      .filter((file) => file.endsWith('.md') && !/node_modules|bench\/reports/.test(file)),
  ),
];

const textOf = (url: URL): string => readFileSync(url, 'utf8').replace(/^```[^]*?^```/gm, '');

/** The anchors of a page as GitHub makes them from its headings. */
function anchorsOf(url: URL): Set<string> {
  const headings = [...textOf(url).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
  const explicit = [...textOf(url).matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id!);
  return new Set([...headings, ...explicit]);
}

/** Files and folders of the repository, without what is installed, built or recorded. */
const tracked = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
  (file) => !/(^|\/)(node_modules|dist|coverage|\.git|\.cache)(\/|$)/.test(file),
);
const known = new Set(tracked.flatMap((file) => file.split('/').map((_, at, parts) => parts.slice(at).join('/'))));

it('every source file or test folder that a page names in code style exists', () => {
  const unknown = pages.flatMap((page) =>
    [...textOf(new URL(page, root)).matchAll(/`((?:[\w.-]+\/)+[\w.-]+)\/?`/g)]
      .map(([, path]) => path!)
      .filter((path) => /\.(ts|mjs|lua)$/.test(path) || /^(src|test|docs|bench|deploy)\//.test(path))
      .filter((path) => !known.has(path) && !known.has(`${path}.test.ts`) && !known.has(`${path}.ts`))
      .map((path) => `${page}: ${path}`),
  );
  expect(unknown).toEqual([]);
});

it('every relative link between pages leads to a file, and its anchor to a heading', () => {
  expect(pages.length).toBeGreaterThan(30);
  const broken = pages.flatMap((page) => {
    const base = new URL(page, root);
    return [...textOf(base).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target]) => target!)
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => {
        const url = new URL(target, base);
        const anchor = url.hash.slice(1);
        url.hash = '';
        return !existsSync(url) || (anchor !== '' && !anchorsOf(url).has(anchor));
      })
      .map((target) => `${page}: ${target}`);
  });
  expect(broken).toEqual([]);
});
