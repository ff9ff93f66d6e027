import { describe, expect, it } from 'vitest';
import { LeaseCheck } from '../../../../../src/backplane/redis/reachability/lease-check.js';
import { settled } from '../../../../support/lanes-under-test.js';

function scene() {
  const said: string[] = [];
  const renewals: { succeed: () => void; fail: () => void }[] = [];
  const doubt: LeaseCheck = new LeaseCheck({
    renew: () =>
      new Promise((resolve, reject) => {
        renewals.push({ succeed: () => resolve('renewed'), fail: () => reject(new Error('away')) });
      }),
    settled: () => said.push(`settled, open: ${doubt.isOpen}`),
    failed: () => said.push(`failed, open: ${doubt.isOpen}`),
  });
  return { doubt, said, renewals };
}

describe('LeaseCheck', () => {
  it('lasts for one renewal, however often it is raised', async () => {
    const { doubt, said, renewals } = scene();
    expect(doubt.isOpen).toBe(false);
    doubt.raise();
    doubt.raise();
    await settled();
    expect([doubt.isOpen, renewals.length, said]).toEqual([true, 1, []]);
    renewals[0]!.succeed();
    await settled();
    expect(said).toEqual(['settled, open: false']);
    doubt.raise();
    expect([doubt.isOpen, renewals.length]).toEqual([true, 2]);
  });

  it('ends when no renewal gets through, and may be raised again', async () => {
    const { doubt, said, renewals } = scene();
    doubt.raise();
    renewals[0]!.fail();
    await settled();
    expect(said).toEqual(['failed, open: false']);
    doubt.raise();
    renewals[1]!.succeed();
    await settled();
    expect(said).toEqual(['failed, open: false', 'settled, open: false']);
  });
});
