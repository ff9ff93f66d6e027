import { describe, expect, it } from 'vitest';
import { Reachability } from '../../../../../src/backplane/redis/reachability/reachability.js';

interface Attempt {
  readonly isCurrent: () => boolean;
  succeed(): void;
  fail(): void;
}

function scene() {
  const reported: string[] = [];
  const attempts: Attempt[] = [];
  const timers: { delayMs: number; action: () => void; isCanceled: boolean }[] = [];
  const reachability = new Reachability({
    after: (delayMs, action) => {
      const timer = { delayMs, action, isCanceled: false };
      timers.push(timer);
      return () => (timer.isCanceled = true);
    },
    downAfterMs: 1_000,
    retryMs: 200,
    connection: { isConnected: true },
    events: {
      recover: (isCurrent) =>
        new Promise((resolve, reject) => {
          attempts.push({ isCurrent, succeed: resolve, fail: () => reject(new Error('not now')) });
        }),
      recoveryFailed: () => reported.push('failed'),
      cutOff: () => reported.push('cut off'),
      down: () => reported.push('down'),
      recovered: (wasDown) => {
        if (wasDown) reported.push('up');
      },
    },
  });
  const fire = (delayMs: number): void => {
    for (const timer of timers.splice(0)) {
      if (timer.isCanceled) continue;
      if (timer.delayMs === delayMs) timer.action();
      else timers.push(timer);
    }
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { reachability, reported, attempts, fire, settle };
}

describe('Reachability', () => {
  it('does not report an outage that is over soon, but refuses meanwhile (G6)', async () => {
    const { reachability, reported, attempts, fire, settle } = scene();
    reachability.lost();
    expect(reachability.isUp).toBe(false);
    reachability.recover();
    attempts[0]!.succeed();
    await settle();
    fire(1_000);
    expect([reachability.isUp, reported]).toEqual([true, ['cut off']]);
  });

  it('reports down once and up once for an outage that lasts', async () => {
    const { reachability, reported, attempts, fire, settle } = scene();
    reachability.lost();
    reachability.lost();
    fire(1_000);
    reachability.recover();
    reachability.recover();
    attempts[0]!.succeed();
    await settle();
    expect(attempts).toHaveLength(1);
    expect(reported).toEqual(['cut off', 'down', 'up']);
  });

  it('reports down also while a recovery takes long', () => {
    const { reachability, reported, fire } = scene();
    reachability.lost();
    reachability.recover();
    fire(1_000);
    expect(reported).toEqual(['cut off', 'down']);
  });

  it('does not come back by a recovery that was overtaken by the next loss', async () => {
    const { reachability, reported, attempts, fire, settle } = scene();
    reachability.lost();
    reachability.recover();
    reachability.lost();
    expect(attempts[0]!.isCurrent()).toBe(false);
    reachability.recover();
    attempts[0]!.succeed();
    await settle();
    expect(reachability.isUp).toBe(false);
    fire(1_000);
    attempts[1]!.succeed();
    await settle();
    expect(reported).toEqual(['cut off', 'cut off', 'down', 'up']);
  });

  it('tries again while connected, and leaves a failure alone that was overtaken', async () => {
    const { reachability, reported, attempts, fire, settle } = scene();
    reachability.lost();
    reachability.recover();
    attempts[0]!.fail();
    await settle();
    fire(200);
    expect(attempts).toHaveLength(2);
    reachability.lost();
    attempts[1]!.fail();
    await settle();
    expect(reported).toEqual(['cut off', 'failed', 'cut off']);
  });

  it('is cut off again by a loss after a recovery that failed: it may have opened the lanes before (G6)', async () => {
    const { reachability, reported, attempts, settle } = scene();
    reachability.lost();
    reachability.recover();
    attempts[0]!.fail();
    await settle();
    reachability.lost();
    reachability.lost();
    expect(reported).toEqual(['cut off', 'failed', 'cut off']);
  });

  it('reports nothing after its end', async () => {
    const { reachability, reported, attempts, fire, settle } = scene();
    reachability.lost();
    reachability.recover();
    reachability.stop();
    attempts[0]!.succeed();
    fire(1_000);
    reachability.lost();
    await settle();
    expect(reported).toEqual(['cut off']);
  });
});
