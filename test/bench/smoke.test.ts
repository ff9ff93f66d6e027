import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { clusterScenarios, scenarios } from '../../bench/scenarios/all.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const router = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

describe('bench', () => {
  beforeAll(() => {
    if (!existsSync(router)) throw new Error('dist/main.js is missing: npm run build');
    execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'bench/tsconfig.json'], { cwd: root });
  }, 60_000);

  it.each([
    ['against the router and the relay', [], scenarios],
    ['on nodes over Redis', ['cluster'], clusterScenarios],
  ])('runs every scenario %s, and finds every message where it belongs', (_, words, expected) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['.cache/bench/main.js', ...words, '--smoke'], {
      cwd: root,
      encoding: 'utf8',
      timeout: 500_000,
    });
    const output = `${stdout}\n${stderr}`;
    expect(output).not.toContain('FAILED');
    expect(status, output).toBe(0);
    const lines = stdout.split('\n');
    for (const { name } of expected) {
      expect(lines.filter((line) => line.startsWith(`${name} `)).length, `${name} in\n${output}`).toBeGreaterThan(0);
    }
  });
});
