import { expect, it } from 'vitest';
import { Recent } from '../../../src/util/recent.js';

it('an entry goes after its time, when another is added, and counts from its last addition', () => {
  const recent = new Recent<string, number>(expect.unreachable);
  recent.add('a', 1, 0);
  recent.add('b', 2, 30_000);
  recent.add('a', 3, 40_000);
  recent.add('c', 4, 90_000);
  expect(['a', 'b', 'c'].map((key) => recent.has(key))).toEqual([true, false, true]);
  expect(recent.take('a')).toBe(3);
  expect(recent.has('a')).toBe(false);
});

it('there are 65,536 entries at most, the newest, and the loss of another is reported', () => {
  let lossCount = 0;
  const recent = new Recent<number, true>(() => lossCount++);
  for (let key = 0; key <= 65_536; key++) recent.add(key, true, 0);
  expect(lossCount).toBe(1);
  expect([0, 1, 65_536].map((key) => recent.has(key))).toEqual([false, true, true]);
});
