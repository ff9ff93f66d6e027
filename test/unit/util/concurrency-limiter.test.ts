import { expect, it } from 'vitest';
import { Deferred } from '../../../src/util/deferred.js';
import { ConcurrencyLimiter } from '../../../src/util/concurrency-limiter.js';

/** An action that runs until the test ends it. */
function action(begun: string[], name: string) {
  const end = new Deferred<string>();
  const run = (): Promise<string> => {
    begun.push(name);
    return end.promise;
  };
  return { run, end };
}

it('lets so many run at a time, the others wait in turn, and those beyond the bound do not begin', async () => {
  const gate = new ConcurrencyLimiter(2, 1);
  const begun: string[] = [];
  const [one, two, three, four] = ['one', 'two', 'three', 'four'].map((name) => action(begun, name));
  const results = [gate.run(one!.run), gate.run(two!.run), gate.run(three!.run)];
  expect(await gate.run(four!.run)).toBeUndefined();
  expect(begun).toEqual(['one', 'two']);
  two!.end.reject(new Error('no'));
  await expect(results[1]).rejects.toThrow('no');
  await Promise.resolve();
  expect(begun).toEqual(['one', 'two', 'three']);
  one!.end.resolve('1');
  three!.end.resolve('3');
  expect(await Promise.all([results[0], results[2]])).toEqual(['1', '3']);
  four!.end.resolve('4');
  expect(await gate.run(four!.run)).toBe('4');
});
