import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { META_PROCEDURES, type MetaProcedure } from '../../src/routing/meta/procedures.js';
import { MetaTopic } from '../../src/routing/meta/topics.js';

const page = readFileSync(new URL('../../docs/meta-api.md', import.meta.url), 'utf8');

/** The cells of each row of the page's tables that begins with a name under `wamp.`. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `wamp.'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

it('the page has each meta procedure as the code has it', () => {
  const described = Object.entries<MetaProcedure>(META_PROCEDURES).map(([uri, { needs, parameters, cost }]) => {
    const names = Object.entries(parameters).map(([name, type]) => `\`${name}${type.endsWith('?') ? '?' : ''}\``);
    return [`\`${uri}\``, `\`${needs}\``, names.join(', '), cost];
  });
  const documented = rows.filter((cells) => cells.length === 6);
  expect(documented.map(([uri, needs, names, , , cost]) => [uri, needs, names, cost])).toEqual(described);
});

it('the page has each topic of the router', () => {
  const documented = rows.filter((cells) => cells.length === 3).map(([topic]) => topic);
  expect(documented).toEqual(Object.values(MetaTopic).map((topic) => `\`${topic}\``));
});
