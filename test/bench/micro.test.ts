import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const folder = fileURLToPath(new URL('../../bench/micro/', import.meta.url));
/** Arguments that make a script short. */
const SHORT: Readonly<Record<string, readonly string[]>> = {
  'route.mjs': ['json', '1', '1'],
  'codec.mjs': ['json'],
  'number-table.mjs': ['1'],
  'timers.mjs': ['1000', '1'],
  'longest-turns.mjs': ['100', '1'],
  'cost-per-byte.mjs': ['0.01'],
};

it.each(readdirSync(folder))('bench/micro/%s still measures what the router has', (script) => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', `${folder}${script}`, ...(SHORT[script] ?? [])],
    { encoding: 'utf8', timeout: 110_000, env: { ...process.env, ROUND_MS: '0.01' } },
  );
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/\d/);
});
