import { expect, it } from 'vitest';
import { LoopDelay, recordDelay } from '../../../src/telemetry/loop-delay.js';

it('counts a standstill with every sample that it has swallowed', () => {
  const { histogram } = new LoopDelay();
  recordDelay(histogram, 0, 20);
  expect([histogram.count, histogram.sum]).toEqual([1, 0]);
  recordDelay(histogram, 100, 20);
  expect([histogram.count, histogram.sum]).toEqual([7, 100 + 80 + 60 + 40 + 20 + 0]);
  recordDelay(histogram, 3_600_000, 20);
  expect(histogram.count).toBeLessThanOrEqual(7 + 1_001);
  expect(histogram.sum).toBeGreaterThan(1_000 * 1_000_000);
});

it('has what the loop stood still', async () => {
  const delay = new LoopDelay();
  delay.start();
  // The clock of timers stands still within a turn: the standstill begins in another.
  await new Promise(setImmediate);
  const untilMs = performance.now() + 120;
  while (performance.now() < untilMs);
  while (delay.histogram.count === 0) await new Promise(setImmediate);
  delay.stop();
  delay.stop();
  expect(delay.histogram.sum).toBeGreaterThan(90);
});
