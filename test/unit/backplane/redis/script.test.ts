import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { loadScripts } from '../../../../src/backplane/redis/script.js';

it('loads every Lua file of a folder under the name the store has for it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-lua-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'one.lua'), 'return 1');
  writeFileSync(join(folder, 'notes.txt'), '');
  const scripts = loadScripts(pathToFileURL(`${folder}/`));
  const sha = createHash('sha1').update('return 1').digest('hex');
  expect([...scripts]).toEqual([['one.lua', { file: 'one.lua', text: 'return 1', sha }]]);
});

it('says so when there is no folder', () => {
  expect(() => loadScripts(new URL('file:///nowhere/lua/'))).toThrow(/ENOENT/);
});
