import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { root } from '../support/root.js';

const unit = readFileSync(join(root, 'deploy/systemd/gantry.service'), 'utf8');
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

it('the unit gives a node the time that it needs to stop, and descriptors for its connections', () => {
  const number = (name: string): number => Number(new RegExp(`^${name}=(\\d+)$`, 'm').exec(unit)?.[1]);
  const { drain, limits } = loadConfig({});
  expect(number('TimeoutStopSec') * 1_000).toBeGreaterThan(drain.deadlineMs + 5_000);
  expect(number('LimitNOFILE')).toBeGreaterThan(limits.maxConnections + 500);
});

it('the unit is one that systemd accepts, and exposes little', { skip: !hasSystemd }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-unit-'));
  try {
    const file = join(folder, 'gantry.service');
    // Verification wants the programs to exist.
    writeFileSync(file, unit.replace('/usr/bin/node', process.execPath).replace('/bin/kill', process.execPath));
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
    const about = stderr.split('\n').filter((line) => line.includes('gantry.service'));
    expect({ status, about }).toEqual({ status: 0, about: [] });
    execFileSync('systemd-analyze', ['security', '--offline=yes', '--threshold=25', file], { stdio: 'pipe' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
