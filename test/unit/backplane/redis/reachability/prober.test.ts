import { describe, expect, it } from 'vitest';
import { Prober } from '../../../../../src/backplane/redis/reachability/prober.js';
import { createClusterCounters } from '../../../../../src/telemetry/cluster-counters.js';

function scene() {
  const sent: number[] = [];
  const counters = createClusterCounters();
  let missedCount = 0;
  const clock = { nowMs: 0 };
  const prober = new Prober({
    send: (number) => sent.push(number),
    nowMs: () => clock.nowMs,
    timeoutMs: 3_000,
    counters,
    missed: () => missedCount++,
  });
  return { prober, sent, counters, clock, missedCount: () => missedCount };
}

describe('Prober', () => {
  it('measures how long its own probe takes', () => {
    const { prober, sent, counters, clock } = scene();
    prober.tick();
    clock.nowMs = 4;
    prober.received(sent[0]!);
    expect(counters.probeRoundTrip).toMatchObject({ sum: 4, count: 1 });
    expect(prober.silenceMs).toBe(0);
  });

  it.each([2, NaN, Infinity])('ignores probe %d, which it has not sent', async (number) => {
    const { prober, counters, clock, missedCount } = scene();
    let isOver = false;
    const round = prober.round().then(() => (isOver = true));
    clock.nowMs = 4;
    prober.received(number);
    await Promise.resolve();
    expect([isOver, counters.probeRoundTrip.count, prober.silenceMs]).toEqual([false, 0, 4]);
    clock.nowMs = 3_000;
    prober.tick();
    expect(missedCount()).toBe(1);
    prober.received(1);
    await round;
  });

  it('misses a probe after the timeout, not before, and goes on probing', () => {
    const { prober, counters, clock, missedCount } = scene();
    prober.tick();
    for (clock.nowMs = 1_000; clock.nowMs < 3_000; clock.nowMs += 1_000) prober.tick();
    expect(missedCount()).toBe(0);
    prober.tick();
    expect([missedCount(), counters.probesMissed.all]).toEqual([1, 1]);
    prober.tick();
    expect(missedCount()).toBe(1);
  });

  it('misses nothing when only an older probe was lost', () => {
    const { prober, sent, clock, missedCount } = scene();
    prober.tick();
    clock.nowMs = 1_000;
    prober.tick();
    prober.received(sent[1]!);
    clock.nowMs = 3_500;
    prober.tick();
    expect(missedCount()).toBe(0);
  });

  it('misses nothing when every probe takes longer than the time between two', () => {
    const { prober, sent, counters, clock, missedCount } = scene();
    for (let step = 0; step < 10; step++) {
      clock.nowMs = step * 1_000;
      prober.tick();
      if (step >= 2) prober.received(sent[step - 2]!);
    }
    expect(missedCount()).toBe(0);
    expect(counters.probeRoundTrip).toMatchObject({ sum: 16_000, count: 8 });
  });

  it('ends a round only with a probe that was sent since', async () => {
    const { prober, sent } = scene();
    prober.tick();
    let isOver = false;
    const round = prober.round().then(() => (isOver = true));
    prober.received(sent[0]!);
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    prober.received(sent[1]!);
    await round;
    expect(isOver).toBe(true);
  });
});
