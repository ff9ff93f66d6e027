import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { after, withTimeout } from '../../../src/util/timeout.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('runs an action once after the delay, unless it is canceled', () => {
  const ran: string[] = [];
  after(100, () => ran.push('kept'));
  const cancel = after(100, () => ran.push('canceled'));
  vi.advanceTimersByTime(99);
  expect(ran).toEqual([]);
  cancel();
  vi.advanceTimersByTime(1_000);
  expect(ran).toEqual(['kept']);
});

it('settles as the work does when that is in time, and leaves no timer', async () => {
  await expect(withTimeout(100, Promise.resolve(7), () => new Error('late'))).resolves.toBe(7);
  await expect(withTimeout(100, Promise.reject(new Error('failed')), () => new Error('late'))).rejects.toThrow(
    'failed',
  );
  expect(vi.getTimerCount()).toBe(0);
});

it('rejects with the error of the caller when the work is late, and ignores its outcome', async () => {
  let fail: (cause: Error) => void = () => undefined;
  const work = new Promise<void>((_resolve, reject) => (fail = reject));
  const bounded = withTimeout(100, work, () => new Error('late'));
  const outcome = expect(bounded).rejects.toThrow('late');
  vi.advanceTimersByTime(100);
  await outcome;
  fail(new Error('failed later'));
  await expect(bounded).rejects.toThrow('late');
});
