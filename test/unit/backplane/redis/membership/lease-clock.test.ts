import { expect, it } from 'vitest';
import { LeaseClock } from '../../../../../src/backplane/redis/membership/lease-clock.js';

const clockAt = (nowMs: () => number): LeaseClock => new LeaseClock({ leaseMs: 7_000, absentLeaseMs: 2_500, nowMs });

it('believes in a lease from the moment its renewal was sent, for its length', () => {
  let nowMs = 1_000;
  const clock = clockAt(() => nowMs);
  expect([clock.isValid, clock.remainingMs]).toEqual([false, 0]);
  clock.renewed(500);
  expect([clock.isValid, clock.remainingMs]).toEqual([true, 6_500]);
  nowMs = 7_499;
  expect(clock.isValid).toBe(true);
  nowMs = 7_500;
  expect([clock.isValid, clock.remainingMs]).toEqual([false, 0]);
});

it('is not set back by a reply that comes late', () => {
  const clock = clockAt(() => 0);
  clock.renewed(1_000);
  clock.renewed(500);
  expect(clock.remainingMs).toBe(8_000);
});

it('ends at once when asked to', () => {
  const clock = clockAt(() => 0);
  clock.renewed(0);
  clock.end();
  expect(clock.isValid).toBe(false);
});

it('is short as long as the node does not listen, and long again only with the next renewal', () => {
  const clock = clockAt(() => 1_000);
  clock.renewed(500);
  clock.setListening(false);
  expect(clock.remainingMs).toBe(2_000);
  clock.renewed(900);
  expect(clock.remainingMs).toBe(2_400);
  clock.setListening(true);
  expect(clock.remainingMs).toBe(2_400);
  clock.renewed(1_000);
  expect(clock.remainingMs).toBe(7_000);
});
