import { expect, it } from 'vitest';
import { COLUMNS, readSamples, rowOf } from '../../../../src/cli/client/samples.js';
import { metricsReference } from '../../../../src/telemetry/metrics.js';

const PAGE = `# HELP gantry_sessions Established sessions of this node.
# TYPE gantry_sessions gauge
gantry_sessions 3
gantry_calls_total{outcome="result"} 10
gantry_calls_total{outcome="error"} 5
process_resident_memory_bytes 1.048576e+7
broken
gantry_odd NaN
`;

it('reads the sum of each metric', () => {
  const samples = readSamples(PAGE);
  expect([...samples]).toEqual([
    ['gantry_sessions', 3],
    ['gantry_calls_total', 15],
    ['process_resident_memory_bytes', 10_485_760],
  ]);
});

it('shows values, and the change of counters per second', () => {
  const value = (key: string, row: readonly number[]): number => row[COLUMNS.findIndex((one) => one.key === key)]!;
  const before = readSamples('gantry_calls_total 5\n');
  const row = rowOf(readSamples(PAGE), before, 2);
  expect([value('sessions', row), value('callsPerSecond', row), value('residentMiB', row)]).toEqual([3, 5, 10]);
  expect(value('subscriptions', row)).toBeNaN();
  expect(value('callsPerSecond', rowOf(readSamples(PAGE), undefined, 2))).toBeNaN();
  expect(value('callsPerSecond', rowOf(before, readSamples(PAGE), 2))).toBe(0);
});

it('names metrics that a node has', () => {
  const names = metricsReference().map(({ name }) => name);
  for (const { metric } of COLUMNS) expect(names).toContain(metric);
});
