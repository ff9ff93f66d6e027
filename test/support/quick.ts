import { expect } from 'vitest';

const RUNS = 5;

/**
 * Fails unless `work` takes less than `limitMs` of processor time at least once in a few runs. It is for work that takes a small part of
 * that, unless its cost grows with what it should not grow with: a busy machine makes no difference.
 */
export function expectQuick(limitMs: number, work: () => void): void {
  let fastestMs = Infinity;
  for (let run = 0; run < RUNS && fastestMs >= limitMs; run++) {
    const start = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(start);
    fastestMs = Math.min(fastestMs, (user + system) / 1_000);
  }
  expect(fastestMs).toBeLessThan(limitMs);
}
