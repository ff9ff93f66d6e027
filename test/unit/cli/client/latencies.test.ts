import { expect, it } from 'vitest';
import { Latencies } from '../../../../src/cli/client/latencies.js';

it('latencies are known to 2 %, whatever their number', () => {
  const latencies = new Latencies();
  expect(latencies.within(0.5)).toBeNaN();
  for (let ms = 1; ms <= 1_000; ms++) latencies.add(ms);
  expect([latencies.count, latencies.maxMs]).toEqual([1_000, 1_000]);
  for (const [share, ms] of [
    [0.5, 500],
    [0.99, 990],
    [0.001, 1],
  ] as const) {
    expect(latencies.within(share) / ms).toBeGreaterThan(0.98);
    expect(latencies.within(share) / ms).toBeLessThan(1.02);
  }
  expect(latencies.within(1)).toBe(1_000);
});

it('latencies beyond every bucket count as the longest', () => {
  const latencies = new Latencies();
  for (const ms of [0, 1e9]) latencies.add(ms);
  expect([latencies.within(1), latencies.maxMs]).toEqual([expect.any(Number), 1e9]);
  expect(latencies.within(1)).toBeLessThanOrEqual(1e9);
});
