import { describe, expect, it } from 'vitest';
import { SuspendAwareClock } from '../../../../src/backplane/redis/membership/suspend-aware-clock.js';
import { LeaseCheck } from '../../../../src/backplane/redis/reachability/lease-check.js';
import { Reachability } from '../../../../src/backplane/redis/reachability/reachability.js';
import { NodeStanding } from '../../../../src/backplane/redis/standing.js';
import { settled } from '../../../support/lanes-under-test.js';

const HEARTBEAT_MS = 1_000;
const DOWN_AFTER_MS = 2_000;

/** A node whose lease and clock the test sets; its lease check and its reachability are real. */
function standingOf() {
  const state = { isLeaseValid: true, nowMs: 0, renewalCount: 0 };
  const renewals: (() => void)[] = [];
  const leaseCheck = new LeaseCheck({
    renew: () => {
      state.renewalCount++;
      return new Promise<void>((resolve) => renewals.push(resolve));
    },
    events: { confirmed: () => undefined, failed: () => undefined },
  });
  const reachability = new Reachability({
    after: () => () => undefined,
    downAfterMs: DOWN_AFTER_MS,
    retryMs: 500,
    connection: { isConnected: true },
    events: {
      recover: () => Promise.resolve(),
      recoveryFailed: () => undefined,
      cutOff: () => undefined,
      down: () => undefined,
      recovered: () => undefined,
    },
  });
  const standing = new NodeStanding({
    membership: { isLeaseValid: () => state.isLeaseValid },
    leaseCheck,
    reachability,
    clock: new SuspendAwareClock({ monotonicMs: () => state.nowMs, wallMs: () => state.nowMs }),
    timings: { heartbeatMs: HEARTBEAT_MS, downAfterMs: DOWN_AFTER_MS },
  });
  const live = (): void => {
    standing.enter();
    standing.tick();
    for (; state.nowMs < 2 * DOWN_AFTER_MS; standing.tick()) state.nowMs += HEARTBEAT_MS;
  };
  const confirm = async (): Promise<void> => {
    for (const resolve of renewals.splice(0)) resolve();
    await settled();
  };
  return { state, standing, reachability, live, confirm };
}

describe('a node that has not entered', () => {
  it('receives, and has no lease that could have run out', () => {
    const { state, standing } = standingOf();
    state.isLeaseValid = false;
    expect([standing.standing(), standing.mayReceive(), standing.isLeaseDoubtful]).toEqual(['certain', true, false]);
    expect([standing.sendPolicy(), state.renewalCount]).toEqual(['never', 0]);
  });
});

describe('a live node', () => {
  it('sends and receives while its lease is valid, also while it is cut off', () => {
    const { standing, reachability, live } = standingOf();
    live();
    reachability.lost();
    expect([standing.sendPolicy(), standing.mayReceive(), standing.standing()]).toEqual(['now', true, 'certain']);
    expect(standing.isUp).toBe(false);
  });

  it('waits for one renewal when its lease has run out (G4)', async () => {
    const { state, standing, live, confirm } = standingOf();
    live();
    state.isLeaseValid = false;
    expect([standing.sendPolicy(), standing.sendPolicy(), standing.mayReceive()]).toEqual(['later', 'later', false]);
    expect([standing.standing(), standing.isLeaseDoubtful, state.renewalCount]).toEqual(['unknown', true, 1]);
    state.isLeaseValid = true;
    expect(standing.sendPolicy()).toBe('later');
    await confirm();
    expect([standing.sendPolicy(), standing.standing(), standing.isLeaseDoubtful]).toEqual(['now', 'certain', false]);
  });

  it('is isolated when its lease has run out and it cannot reach the others (G6)', () => {
    const { state, standing, reachability, live } = standingOf();
    live();
    reachability.lost();
    state.isLeaseValid = false;
    expect([standing.standing(), standing.sendPolicy(), state.renewalCount]).toEqual(['isolated', 'never', 0]);
  });

  it('is not isolated yet right after a sleep: its connections may only seem to be lost', () => {
    const { state, standing, reachability, live } = standingOf();
    live();
    reachability.lost();
    state.isLeaseValid = false;
    state.nowMs += 60_000;
    expect(standing.standing()).toBe('unknown');
    expect([standing.tick(), standing.tick()]).toEqual([true, false]);
    expect(standing.standing()).toBe('unknown');
    state.nowMs += DOWN_AFTER_MS;
    expect(standing.standing()).toBe('isolated');
  });

  it('checks its lease when a message denies it, at most once per heartbeat and only while it is up', async () => {
    const { state, standing, reachability, live, confirm } = standingOf();
    live();
    standing.denied();
    await confirm();
    standing.denied();
    expect(state.renewalCount).toBe(1);
    state.nowMs += HEARTBEAT_MS;
    standing.denied();
    await confirm();
    expect(state.renewalCount).toBe(2);
    reachability.lost();
    state.nowMs += HEARTBEAT_MS;
    standing.denied();
    expect(state.renewalCount).toBe(2);
  });
});

it('is over when it has ended and its lease with it: it sends nothing and checks nothing', () => {
  const { state, standing, live } = standingOf();
  live();
  standing.end();
  state.isLeaseValid = false;
  expect([standing.standing(), standing.sendPolicy(), standing.mayReceive()]).toEqual(['over', 'never', false]);
  expect([standing.isUp, standing.isLive, state.renewalCount]).toEqual([false, false, 0]);
});
