import { describe, expect, it } from 'vitest';
import { Reachability } from '../../../../../src/backplane/redis/reachability/reachability.js';

interface Attempt {
  readonly isCurrent: () => boolean;
  succeed(): void;
  fail(): void;
}

function scene() {
  const said: string[] = [];
  const attempts: Attempt[] = [];
  const timers: { delayMs: number; action: () => void; isCanceled: boolean }[] = [];
  const reach = new Reachability({
    after: (delayMs, action) => {
      const timer = { delayMs, action, isCanceled: false };
      timers.push(timer);
      return () => (timer.isCanceled = true);
    },
    downAfterMs: 1_000,
    retryMs: 200,
    recover: (isCurrent) =>
      new Promise((resolve, reject) => {
        attempts.push({ isCurrent, succeed: resolve, fail: () => reject(new Error('not now')) });
      }),
    isConnected: () => true,
    cutOff: () => said.push('cut off'),
    down: () => said.push('down'),
    regained: () => undefined,
    up: () => said.push('up'),
    recoveryFailed: () => said.push('failed'),
  });
  const fire = (delayMs: number): void => {
    for (const timer of timers.splice(0)) {
      if (timer.isCanceled) continue;
      if (timer.delayMs === delayMs) timer.action();
      else timers.push(timer);
    }
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { reach, said, attempts, fire, settle };
}

describe('Reachability', () => {
  it('says nothing of an outage that is over soon, but refuses meanwhile (G6)', async () => {
    const { reach, said, attempts, fire, settle } = scene();
    reach.lose();
    expect(reach.isUp).toBe(false);
    reach.regain();
    attempts[0]!.succeed();
    await settle();
    fire(1_000);
    expect([reach.isUp, said]).toEqual([true, ['cut off']]);
  });

  it('says down once and up once for an outage that lasts', async () => {
    const { reach, said, attempts, fire, settle } = scene();
    reach.lose();
    reach.lose();
    fire(1_000);
    reach.regain();
    reach.regain();
    attempts[0]!.succeed();
    await settle();
    expect(attempts).toHaveLength(1);
    expect(said).toEqual(['cut off', 'down', 'up']);
  });

  it('says down also while a recovery takes long', () => {
    const { reach, said, fire } = scene();
    reach.lose();
    reach.regain();
    fire(1_000);
    expect(said).toEqual(['cut off', 'down']);
  });

  it('does not come back by a recovery that was overtaken by the next loss', async () => {
    const { reach, said, attempts, fire, settle } = scene();
    reach.lose();
    reach.regain();
    reach.lose();
    expect(attempts[0]!.isCurrent()).toBe(false);
    reach.regain();
    attempts[0]!.succeed();
    await settle();
    expect(reach.isUp).toBe(false);
    fire(1_000);
    attempts[1]!.succeed();
    await settle();
    expect(said).toEqual(['cut off', 'cut off', 'down', 'up']);
  });

  it('tries again while connected, and leaves a failure alone that was overtaken', async () => {
    const { reach, said, attempts, fire, settle } = scene();
    reach.lose();
    reach.regain();
    attempts[0]!.fail();
    await settle();
    fire(200);
    expect(attempts).toHaveLength(2);
    reach.lose();
    attempts[1]!.fail();
    await settle();
    expect(said).toEqual(['cut off', 'failed', 'cut off']);
  });

  it('is cut off again by a loss after a recovery that failed: it may have opened the ways before (G6)', async () => {
    const { reach, said, attempts, settle } = scene();
    reach.lose();
    reach.regain();
    attempts[0]!.fail();
    await settle();
    reach.lose();
    reach.lose();
    expect(said).toEqual(['cut off', 'failed', 'cut off']);
  });

  it('says nothing after its end', async () => {
    const { reach, said, attempts, fire, settle } = scene();
    reach.lose();
    reach.regain();
    reach.end();
    attempts[0]!.succeed();
    fire(1_000);
    reach.lose();
    await settle();
    expect(said).toEqual(['cut off']);
  });
});
