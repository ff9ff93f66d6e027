import { describe, expect, it } from 'vitest';
import { Prober } from '../../../../../src/backplane/redis/reachability/prober.js';
import { createClusterCounters } from '../../../../../src/telemetry/cluster-counters.js';

function scene() {
  const said: number[] = [];
  const counters = createClusterCounters();
  let deafCount = 0;
  const clock = { nowMs: 0 };
  const prober = new Prober({
    say: (number) => said.push(number),
    nowMs: () => clock.nowMs,
    timeoutMs: 3_000,
    counters,
    deaf: () => deafCount++,
  });
  return { prober, said, counters, clock, deafCount: () => deafCount };
}

describe('Prober', () => {
  it('measures how long its own voice takes', () => {
    const { prober, said, counters, clock } = scene();
    prober.tick();
    clock.nowMs = 4;
    prober.heard(said[0]!);
    expect(counters.probeRoundTrip).toMatchObject({ sum: 4, count: 1 });
    expect(prober.silenceMs).toBe(0);
  });

  it('finds that it is deaf after the timeout, not before, and goes on probing', () => {
    const { prober, counters, clock, deafCount } = scene();
    prober.tick();
    for (clock.nowMs = 1_000; clock.nowMs < 3_000; clock.nowMs += 1_000) prober.tick();
    expect(deafCount()).toBe(0);
    prober.tick();
    expect([deafCount(), counters.probesMissed.all]).toEqual([1, 1]);
    prober.tick();
    expect(deafCount()).toBe(1);
  });

  it('is not deaf when only an older probe was lost', () => {
    const { prober, said, clock, deafCount } = scene();
    prober.tick();
    clock.nowMs = 1_000;
    prober.tick();
    prober.heard(said[1]!);
    clock.nowMs = 3_500;
    prober.tick();
    expect(deafCount()).toBe(0);
  });

  it('is not deaf when every probe takes longer than the time between two', () => {
    const { prober, said, counters, clock, deafCount } = scene();
    for (let step = 0; step < 10; step++) {
      clock.nowMs = step * 1_000;
      prober.tick();
      if (step >= 2) prober.heard(said[step - 2]!);
    }
    expect(deafCount()).toBe(0);
    expect(counters.probeRoundTrip).toMatchObject({ sum: 16_000, count: 8 });
  });

  it('ends a round only with a probe said since', async () => {
    const { prober, said } = scene();
    prober.tick();
    let isOver = false;
    const round = prober.round().then(() => (isOver = true));
    prober.heard(said[0]!);
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    prober.heard(said[1]!);
    await round;
    expect(isOver).toBe(true);
  });
});
