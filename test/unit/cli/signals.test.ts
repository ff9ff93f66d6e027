import { afterEach, expect, it } from 'vitest';
import { firstSignal, inTime } from '../../../src/cli/signals.js';

const before = { SIGTERM: process.listeners('SIGTERM'), SIGINT: process.listeners('SIGINT') };
afterEach(() => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    for (const listener of process.listeners(signal)) {
      if (!before[signal].includes(listener)) process.off(signal, listener);
    }
  }
});

it('waits for the first signal and hurries at each later one', async () => {
  const hurried: string[] = [];
  const first = firstSignal(['SIGTERM', 'SIGINT'], (signal) => hurried.push(signal));
  const listener = process.listeners('SIGTERM').at(-1)!;
  listener('SIGTERM');
  expect(await first).toBe('SIGTERM');
  expect(hurried).toEqual([]);
  process.listeners('SIGINT').at(-1)!('SIGINT');
  expect(hurried).toEqual(['SIGINT']);
});

it('reports whether work was done in time, and passes its failure on', async () => {
  expect(await inTime(Promise.resolve(), 60_000)).toBe(true);
  expect(await inTime(new Promise(() => undefined), 1)).toBe(false);
  await expect(inTime(Promise.reject(new Error('no')), 60_000)).rejects.toThrow('no');
});
