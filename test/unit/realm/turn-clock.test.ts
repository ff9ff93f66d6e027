import { describe, expect, it } from 'vitest';
import { TurnClock } from '../../../src/realm/turn-clock.js';

describe('the clock of a turn', () => {
  it('stands still within a turn, is read anew in the next, and asks for one end of turn each', () => {
    const ends: (() => void)[] = [];
    let realMs = 5;
    const clock = new TurnClock(
      () => realMs,
      (end) => ends.push(end),
    );
    expect(clock.nowMs()).toBe(5);
    realMs = 6;
    expect(clock.nowMs()).toBe(5);
    expect(ends).toHaveLength(1);
    ends.shift()!();
    expect(clock.nowMs()).toBe(6);
    expect(ends).toHaveLength(1);
  });

  it('is never behind by more than the turn that asks', async () => {
    const clock = new TurnClock(() => performance.now(), setImmediate);
    for (let turn = 0; turn < 20; turn++) {
      const beginMs = performance.now();
      expect(clock.nowMs()).toBeGreaterThanOrEqual(beginMs);
      expect(clock.nowMs()).toBeLessThanOrEqual(performance.now());
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
});
