import { expect, it } from 'vitest';
import { LeaseClock } from '../../../../src/backplane/redis/lease-clock.js';

it('believes in a lease from the moment its renewal was sent, for its length', () => {
  let nowMs = 1_000;
  const clock = new LeaseClock(7_000, () => nowMs);
  expect([clock.isValid, clock.remainingMs]).toEqual([false, 0]);
  clock.renewed(500);
  expect([clock.isValid, clock.remainingMs]).toEqual([true, 6_500]);
  nowMs = 7_499;
  expect(clock.isValid).toBe(true);
  nowMs = 7_500;
  expect([clock.isValid, clock.remainingMs]).toEqual([false, 0]);
});

it('is not set back by a reply that comes late', () => {
  const clock = new LeaseClock(7_000, () => 0);
  clock.renewed(1_000);
  clock.renewed(500);
  expect(clock.remainingMs).toBe(8_000);
});

it('ends at once when told', () => {
  const clock = new LeaseClock(7_000, () => 0);
  clock.renewed(0);
  clock.end();
  expect(clock.isValid).toBe(false);
});
