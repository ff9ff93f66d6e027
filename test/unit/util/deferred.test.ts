import { expect, it } from 'vitest';
import { Deferred } from '../../../src/util/deferred.js';

it('is settled once, by its owner', async () => {
  const [resolved, rejected] = [new Deferred<number>(), new Deferred<number>()];
  resolved.resolve(1);
  resolved.reject(new Error('late'));
  rejected.reject(new Error('no'));
  rejected.resolve(2);
  expect(await resolved.promise).toBe(1);
  await expect(rejected.promise).rejects.toThrow('no');
});

it('may be rejected although nobody waits, and rejects anybody who waits all the same', async () => {
  const unhandled: unknown[] = [];
  const note = (cause: unknown): void => void unhandled.push(cause);
  process.on('unhandledRejection', note);
  const deferred = new Deferred().ignoreRejection();
  deferred.reject(new Error('no'));
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
  await expect(deferred.promise).rejects.toThrow('no');
});
