import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../support/root.js';

const folder = join(root, 'bench/reports');

it('no report names a folder of the machine that made it', () => {
  const reports = readdirSync(folder).filter((file) => file.endsWith('.json'));
  expect(reports).not.toEqual([]);
  for (const file of reports) {
    const { command } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { command: string };
    expect(command, file).not.toMatch(/(^|[ =])\//);
  }
});
