import { describe, expect, it } from 'vitest';
import { LeaseCheck } from '../../../../../src/backplane/redis/reachability/lease-check.js';
import { settled } from '../../../../support/lanes-under-test.js';

function scene() {
  const reported: string[] = [];
  const renewals: { succeed: () => void; fail: () => void }[] = [];
  const check: LeaseCheck = new LeaseCheck({
    renew: () =>
      new Promise((resolve, reject) => {
        renewals.push({ succeed: () => resolve('renewed'), fail: () => reject(new Error('away')) });
      }),
    events: {
      confirmed: () => reported.push(`confirmed, pending: ${check.isPending}`),
      failed: () => reported.push(`failed, pending: ${check.isPending}`),
    },
  });
  return { check, reported, renewals };
}

describe('LeaseCheck', () => {
  it('lasts for one renewal, however often it is started', async () => {
    const { check, reported, renewals } = scene();
    expect(check.isPending).toBe(false);
    check.start();
    check.start();
    await settled();
    expect([check.isPending, renewals.length, reported]).toEqual([true, 1, []]);
    renewals[0]!.succeed();
    await settled();
    expect(reported).toEqual(['confirmed, pending: false']);
    check.start();
    expect([check.isPending, renewals.length]).toEqual([true, 2]);
  });

  it('ends when no renewal gets through, and may be started again', async () => {
    const { check, reported, renewals } = scene();
    check.start();
    renewals[0]!.fail();
    await settled();
    expect(reported).toEqual(['failed, pending: false']);
    check.start();
    renewals[1]!.succeed();
    await settled();
    expect(reported).toEqual(['failed, pending: false', 'confirmed, pending: false']);
  });
});
