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
