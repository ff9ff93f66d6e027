import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { createCounters } from '../../src/telemetry/counters.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { promtool } from '../support/promtool.js';

const observability = fileURLToPath(new URL('../../deploy/observability', import.meta.url));

let command: string;
beforeAll(() => {
  command = promtool();
}, 120_000);

function run(words: readonly string[], input = ''): { status: number | null; printed: string } {
  const { status, stdout, stderr } = spawnSync(command, words, { cwd: observability, input, encoding: 'utf8' });
  return { status, printed: `${stdout}${stderr}` };
}

describe('promtool', () => {
  it('accepts the alert rules, and what they do in one Prometheus with several clusters', () => {
    const { status, printed } = run(['test', 'rules', 'alerts.test.yml']);
    expect(status, printed).toBe(0);
  });

  it('has nothing against the metrics of a node', async () => {
    const gauges = new Proxy({}, { get: () => () => 1 });
    const metrics = createMetrics(createCounters(), gauges as never);
    const { status, printed } = run(['check', 'metrics'], await metrics.page());
    expect(printed).toBe('');
    expect(status).toBe(0);
  });
});
