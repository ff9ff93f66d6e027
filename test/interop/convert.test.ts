import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { gantry } from '../support/gantry-process.js';
import { root } from '../support/root.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-convert-'));
afterAll(() => rmSync(folder, { recursive: true }));

const example = (name: string): string => join(root, 'test/unit/cli/convert/configurations', name);

it('prints a configuration that gantry check takes, and exits with 0', async () => {
  const { code, stdout, stderr } = await gantry(['convert', 'crossbar', example('08-cookies.json')]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const file = join(folder, 'gantry.yaml');
  writeFileSync(file, stdout);
  expect(await gantry(['check', file])).toMatchObject({ code: 0, stdout: `${file}: configuration is usable\n` });
});

it('exits with 2 when something was dropped that decides who may do what, and prints the rest', async () => {
  const { code, stdout, stderr } = await gantry(['convert', 'crossbar', example('09-two-doors.json')]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^gantry: something that decides who may do what was not converted/);
  const file = join(folder, 'doors.yaml');
  writeFileSync(file, stdout);
  expect(await gantry(['check', file])).toMatchObject({ code: 0 });
});

it('exits with 1 when the file cannot be read', async () => {
  const file = join(folder, 'broken.json');
  writeFileSync(file, '{"workers": [');
  for (const one of [file, join(folder, 'absent.json')]) {
    const { code, stdout, stderr } = await gantry(['convert', 'crossbar', one]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(one);
  }
});
