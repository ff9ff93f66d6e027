import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { TimerWheel } from '../../../src/realm/timer-wheel.js';

describe('TimerWheel', () => {
  let nowMs = 0;
  let wheel: TimerWheel;
  afterEach(() => wheel.stop());

  function create(options: { slotCount?: number; onError?: (error: unknown) => void } = {}): void {
    nowMs = 0;
    wheel = new TimerWheel({ nowMs: () => nowMs, tickMs: 10, slotCount: 8, ...options });
  }

  function advanceTo(ms: number): void {
    nowMs = ms;
    wheel.advance();
  }

  it('runs an action once, never early and at most one tick late', () => {
    create();
    let runCount = 0;
    wheel.after(25, () => runCount++);
    advanceTo(24);
    expect(runCount).toBe(0);
    advanceTo(30);
    expect(runCount).toBe(1);
    advanceTo(1_000);
    expect(runCount).toBe(1);
    expect(wheel.pendingCount).toBe(0);
  });

  it('does not run what was cancelled, and cancelling twice is harmless', () => {
    create();
    let runCount = 0;
    const cancel = wheel.after(20, () => runCount++);
    cancel();
    cancel();
    advanceTo(100);
    expect(runCount).toBe(0);
    expect(wheel.pendingCount).toBe(0);
  });

  it('keeps a timer that is more than a turn of the wheel away', () => {
    create({ slotCount: 4 });
    const ran: number[] = [];
    wheel.after(20, () => ran.push(20));
    wheel.after(420, () => ran.push(420));
    advanceTo(20);
    expect(ran).toEqual([20]);
    advanceTo(410);
    expect(ran).toEqual([20]);
    advanceTo(420);
    expect(ran).toEqual([20, 420]);
  });

  it('catches up after the process was paused for many turns of the wheel', () => {
    create({ slotCount: 4 });
    const ran: number[] = [];
    for (const delayMs of [10, 50, 90, 330]) wheel.after(delayMs, () => ran.push(delayMs));
    advanceTo(10_000);
    expect(ran.toSorted((a, b) => a - b)).toEqual([10, 50, 90, 330]);
  });

  it('lets an action start and cancel timers of its own slot', () => {
    create({ slotCount: 4 });
    const ran: string[] = [];
    const cancels: (() => void)[] = [];
    for (const name of ['a', 'b', 'c'])
      cancels.push(
        wheel.after(20, () => {
          ran.push(name);
          for (const cancel of cancels) cancel();
          wheel.after(40, () => ran.push('later'));
        }),
      );
    advanceTo(20);
    expect(ran).toHaveLength(1);
    advanceTo(60);
    expect(ran).toEqual([ran[0], 'later']);
  });

  it('reports what an action throws and goes on with the next', () => {
    const errors: unknown[] = [];
    create({ onError: (error) => errors.push(error) });
    let runCount = 0;
    wheel.after(10, () => {
      throw new Error('first');
    });
    wheel.after(10, () => runCount++);
    advanceTo(10);
    expect(errors).toHaveLength(1);
    expect(runCount).toBe(1);
  });

  it('agrees with a sorted list for any schedule of starts, cancels and steps', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ delayMs: fc.nat(500), cancel: fc.boolean() }), { maxLength: 50 }),
        fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 20 }),
        (timers, steps) => {
          create({ slotCount: 4 });
          const due = new Map<number, number>();
          const ranAt = new Map<number, number>();
          timers.forEach(({ delayMs, cancel }, index) => {
            const stop = wheel.after(delayMs, () => ranAt.set(index, nowMs));
            if (cancel) stop();
            else due.set(index, Math.max(10, Math.ceil(delayMs / 10) * 10));
          });
          let at = 0;
          const boundaries: number[] = [];
          for (const step of [...steps, 1_000]) {
            at += step;
            boundaries.push(at);
            advanceTo(at);
          }
          for (const [index, dueMs] of due)
            expect(ranAt.get(index)).toBe(boundaries.find((boundary) => boundary >= dueMs));
          expect(ranAt.size).toBe(due.size);
          wheel.stop();
        },
      ),
    );
  });
});
