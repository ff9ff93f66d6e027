import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SuspendAwareClock } from '../../../../../src/backplane/redis/membership/suspend-aware-clock.js';

function scene() {
  const hands = { monotonicMs: 1_000, wallMs: 1_700_000_000_000 };
  const clock = new SuspendAwareClock({ monotonicMs: () => hands.monotonicMs, wallMs: () => hands.wallMs });
  const pass = (monotonicMs: number, wallMs: number): number => {
    hands.monotonicMs += monotonicMs;
    hands.wallMs += wallMs;
    return clock.nowMs();
  };
  return { clock, pass };
}

describe('SuspendAwareClock', () => {
  it('goes as the monotonic clock does', () => {
    const { clock, pass } = scene();
    expect(clock.nowMs()).toBe(1_000);
    expect(pass(5, 5)).toBe(1_005);
    // Slewed, and read one after the other.
    expect(pass(1_000, 1_100)).toBe(2_005);
    expect(pass(60_000, 60_030)).toBe(62_005);
  });

  it('counts what the machine slept, although the monotonic clock stood still', () => {
    const { pass } = scene();
    expect(pass(3, 9_003)).toBe(10_003);
    expect(pass(10, 10)).toBe(10_013);
  });

  it('never goes back, whatever is done to the clock of the day', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(10_000), fc.integer({ min: -1e9, max: 1e9 }))), (steps) => {
        const { clock, pass } = scene();
        let lastMs = clock.nowMs();
        for (const [monotonicMs, wallMs] of steps) {
          const nowMs = pass(monotonicMs, wallMs);
          expect(nowMs - lastMs).toBeGreaterThanOrEqual(monotonicMs);
          lastMs = nowMs;
        }
      }),
    );
  });
});
