import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../support/root.js';

/** Words for what components do that the rules of CONTRIBUTING.md replace by *send*, *receive*, *publish*, *notify*, *reject*. */
const SPOKEN = /\b(said|unsaid|told|untold|tells?|telling|heard|unheard|hears?|hearing|overhears?|whoever)\b/i;
/** The same words as parts of names: `heardCount`, `tellEverybody`. */
const SPOKEN_IN_NAMES =
  /([a-z](Said|Told|Tell|Heard|Hear)|\b(said|told|tell|heard|hear|say))(?=[A-Z\d])|[a-z](Said|Told|Tell|Heard|Hear)\b/;
/** Images in place of terms. */
const IMAGE =
  /\b(bare|banish|robs?|bury|buried|strangers?|revenants?|vanish(es|ed)?|condemn(s|ed)?|urns?|lent|census|chance|doors?)\b/i;
/** A comment, or a sentence in it, that begins without a subject: "Of the mirror.", "What other nodes have." */
const HEADLESS_COMMENT = /(\/\*\*|\/\/|--|^\s+\*|^\s*#) (Of|What|Who|Whom|Whose|As|By) /;
const HEADLESS_SENTENCE = /(\/\*\*|\/\/|--|^\s*\*|^\s*#) .*[.!?] (Of|What|Who|Whom|Whose) /;

interface Exception {
  readonly file: string;
  readonly text: string;
  readonly why: string;
}

const EXCEPTIONS: readonly Exception[] = [
  { file: 'CONTRIBUTING.md', text: 'instead of *say, tell, hear*', why: 'the rule names the words' },
  { file: 'docs/wamp-rules.md', text: 'client-first-bare', why: 'a name of RFC 5802' },
  { file: 'docs/retention-and-history.md', text: "'com.example.state.door'", why: 'a topic about a door' },
];

function filesIn(...folders: string[]): string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`),
    )
    .filter((file) => /\.(ts|js|mjs|lua|md|html|json|ya?ml)$/.test(file));
}

const files = [...filesIn('src', 'docs', 'bench', 'deploy'), 'README.md', 'CONTRIBUTING.md'].filter(
  (file) => !file.startsWith('bench/reports/'),
);
/** All but this file, which lists the words. */
const testFiles = filesIn('test').filter((file) => file !== 'test/static/language.test.ts');

/** Lines of these files that match, each as `file:number: line`, without the exceptions. */
function linesWith(pattern: RegExp, names: readonly string[]): string[] {
  return names.flatMap((file) =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .map((line, at) => ({ line, place: `${file}:${at + 1}` }))
      .filter(({ line }) => {
        const exceptions = EXCEPTIONS.filter((exception) => exception.file === file);
        return pattern.test(exceptions.reduce((rest, { text }) => rest.replace(text, ''), line));
      })
      .map(({ line, place }) => `${place}: ${line.trim()}`),
  );
}

it('code, pages, manifests and tests use the verbs of CONTRIBUTING.md', () => {
  expect(files.length).toBeGreaterThan(600);
  expect(testFiles.length).toBeGreaterThan(600);
  expect(linesWith(SPOKEN, [...files, ...testFiles])).toEqual([]);
  expect(linesWith(SPOKEN_IN_NAMES, [...files, ...testFiles])).toEqual([]);
});

it('code, pages and manifests use terms, not images', () => {
  expect(linesWith(IMAGE, files)).toEqual([]);
});

it('each sentence of a comment has a subject', () => {
  const code = files.filter((file) => /\.(ts|js|mjs|lua)$/.test(file));
  expect(linesWith(HEADLESS_COMMENT, code)).toEqual([]);
  expect(linesWith(HEADLESS_SENTENCE, code)).toEqual([]);
});

it('each exception is needed', () => {
  const unused = EXCEPTIONS.filter(({ file, text }) => !readFileSync(join(root, file), 'utf8').includes(text));
  expect(unused).toEqual([]);
});
