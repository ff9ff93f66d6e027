import { expect, it } from 'vitest';
import { Processes } from '../../../src/processes/processes.js';
import { createCounters } from '../../../src/telemetry/counters.js';
import { silentLogger } from '../../../src/telemetry/logger.js';

it('the metrics page shows a configuration that the parent has refused', async () => {
  const counters = createCounters();
  counters.configReloads.refused++;
  const processes = new Processes({ count: 2, counters, logger: silentLogger, nowMs: () => 0 });
  const lines = (await processes.metricsPage()).split('\n');
  expect(lines).toContain('gantry_config_reloads_total{process="parent",result="refused"} 1');
  expect(lines).toContain('gantry_config_reloads_total{process="parent",result="applied"} 0');
  expect(lines).toContain('gantry_processes 2');
});
