import fc from 'fast-check';
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

it('random additions and removals leave what a list of the entries by age would have', () => {
  const key = fc.integer({ min: 0, max: 5 });
  const step = fc.record({ key, isTake: fc.boolean(), afterMs: fc.constantFrom(0, 1, 20_000, 60_000) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const recent = new Recent<number, number>(expect.unreachable);
      let entries: { key: number; value: number; sinceMs: number }[] = [];
      let nowMs = 0;
      for (const [value, { key, isTake, afterMs }] of steps.entries()) {
        nowMs += afterMs;
        const known = entries.find((entry) => entry.key === key);
        if (isTake) expect(recent.take(key)).toBe(known?.value);
        else recent.add(key, value, nowMs);
        entries = entries.filter((entry) => entry !== known && (isTake || nowMs - entry.sinceMs < 60_000));
        if (!isTake) entries.push({ key, value, sinceMs: nowMs });
        for (let each = 0; each <= 5; each++)
          expect(recent.has(each)).toBe(entries.some((entry) => entry.key === each));
      }
    }),
  );
});
