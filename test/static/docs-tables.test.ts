import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../support/root.js';

const MAX_WORDS = 60;

it('no table cell of docs is longer than a short paragraph', () => {
  const long: string[] = [];
  let count = 0;
  for (const file of readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.md')) continue;
    readFileSync(join(root, 'docs', file), 'utf8')
      .split('\n')
      .forEach((line, at) => {
        if (!line.startsWith('|')) return;
        for (const cell of line.split(/(?<!\\)\|/)) {
          count++;
          if (cell.trim().split(/\s+/).length > MAX_WORDS) long.push(`docs/${file}:${at + 1}: ${cell.trim()}`);
        }
      });
  }
  expect(count).toBeGreaterThan(3_000);
  expect(long).toEqual([]);
});
