import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { loadScripts } from '../../../../../src/backplane/redis/scripts/loader.js';

it('loads every Lua file of a folder under the name the store has for it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-lua-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'one.lua'), 'return 1');
  writeFileSync(join(folder, 'notes.txt'), '');
  const scripts = loadScripts(pathToFileURL(`${folder}/`));
  const sha = createHash('sha1').update('return 1').digest('hex');
  expect([...scripts]).toEqual([['one.lua', { file: 'one.lua', text: 'return 1', sha }]]);
});

it('puts what several scripts share in the place of the line that includes it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-lua-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'shared'));
  writeFileSync(join(folder, 'shared', 'one.lua'), "local function one() return '$1' end\n");
  writeFileSync(join(folder, 'two.lua'), '-- include shared/one.lua\nreturn one()\n');
  const scripts = loadScripts(pathToFileURL(`${folder}/`));
  expect([...scripts.values()].map(({ text }) => text)).toEqual([
    "local function one() return '$1' end\nreturn one()\n",
  ]);
  writeFileSync(join(folder, 'two.lua'), '-- include shared/none.lua\n');
  expect(() => loadScripts(pathToFileURL(`${folder}/`))).toThrow(/ENOENT.*none\.lua/);
});

it('reports it when there is no folder', () => {
  expect(() => loadScripts(new URL('file:///nowhere/lua/'))).toThrow(/ENOENT/);
});
