import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { setProgram } from '../../../src/processes/managed-process.js';
import { PLACE_VARIABLE } from '../../../src/processes/place.js';
import { Processes } from '../../../src/processes/processes.js';
import { createCounters } from '../../../src/telemetry/counters.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { RecordingLogger } from '../../support/recording-logger.js';

it('the metrics page shows a configuration that the parent has refused', async () => {
  const counters = createCounters();
  counters.configReloads.refused++;
  const processes = new Processes({ count: 2, counters, logger: silentLogger, nowMs: () => 0 });
  const lines = (await processes.metricsPage()).split('\n');
  expect(lines).toContain('gantry_config_reloads_total{process="parent",result="refused"} 1');
  expect(lines).toContain('gantry_config_reloads_total{process="parent",result="applied"} 0');
  expect(lines).toContain('gantry_processes 2');
});

/** The first process of place 0 is ready and then ends. The one of place 1 gets ready only when the parent knows of that. */
const PROGRAM = `
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
const first = process.argv[2] + '/first';
const ready = () => {
  process.send({ kind: 'started', addresses: { ws: 'ws://127.0.0.1:1/ws', listeners: [] } });
  process.send({ kind: 'state', readiness: { ready: true } });
};
const hasEnded = () => {
  try {
    process.kill(Number(readFileSync(first, 'utf8')), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
};
const waitFor = () => (hasEnded() ? ready() : setTimeout(waitFor, 5));
if (!process.env.${PLACE_VARIABLE}.startsWith('0')) waitFor();
else {
  ready();
  if (!existsSync(first)) {
    writeFileSync(first + '.new', String(process.pid));
    renameSync(first + '.new', first);
    process.disconnect();
  }
}
`;

it('starts a process again that was ready and ended while the others were starting', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-processes-'));
  const file = join(folder, 'program.mjs');
  writeFileSync(file, PROGRAM);
  setProgram(file, [folder]);
  const logger = new RecordingLogger();
  const processes = new Processes({ count: 2, counters: createCounters(), logger, nowMs: () => 0 });
  onTestFinished(async () => {
    processes.kill();
    await processes.stop(0);
    rmSync(folder, { recursive: true });
  });
  expect(await processes.start()).toMatchObject({ ws: 'ws://127.0.0.1:1/ws' });
  await logger.until('process.restarting');
  expect(logger.of('process.restarting')[0]?.fields.process).toBe(0);
  await logger.until('process.started', 3);
});

it('starts nothing once it was stopped', async () => {
  const logger = new RecordingLogger();
  const processes = new Processes({ count: 2, counters: createCounters(), logger, nowMs: () => 0 });
  expect(await processes.stop(0)).toBe(true);
  expect(await processes.start()).toBeUndefined();
  expect(logger.lines).toEqual([]);
  expect(processes.readiness()).toEqual({ ready: false, reason: 'draining' });
});
