import { expect, it } from 'vitest';
import { SingleFlight } from '../../../src/util/single-flight.js';

function runs(): { coalesced: SingleFlight<number>; started: () => number; end: (fails?: boolean) => Promise<void> } {
  let count = 0;
  let settle: (fails: boolean) => void = () => undefined;
  const coalesced = new SingleFlight(() => {
    const number = ++count;
    return new Promise<number>((resolve, reject) => {
      settle = (fails) => (fails ? reject(new Error(`run ${number}`)) : resolve(number));
    });
  });
  const end = async (fails = false): Promise<void> => {
    settle(fails);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { coalesced, started: () => count, end };
}

it('runs once more for all who asked while it ran', async () => {
  const { coalesced, started, end } = runs();
  const first = coalesced.run();
  const others = [coalesced.run(), coalesced.run()];
  expect(started()).toBe(1);
  await end();
  expect(await first).toBe(1);
  expect(started()).toBe(2);
  const later = coalesced.run();
  await end();
  expect(await Promise.all(others)).toEqual([2, 2]);
  await end();
  expect(await later).toBe(3);
  const alone = coalesced.run();
  await end();
  expect(await alone).toBe(4);
});

it('runs for who asked while it failed', async () => {
  const { coalesced, end } = runs();
  const first = coalesced.run();
  const second = coalesced.run();
  const failed = expect(first).rejects.toThrow('run 1');
  await end(true);
  await failed;
  await end();
  expect(await second).toBe(2);
});

it('runs one at a time for who asks again as soon as a run has ended, while another waits for the next', async () => {
  let runningCount = 0;
  let mostRunning = 0;
  const coalesced = new SingleFlight(async () => {
    mostRunning = Math.max(mostRunning, ++runningCount);
    await new Promise((resolve) => setImmediate(resolve));
    runningCount--;
  });
  const again = async (): Promise<void> => {
    await coalesced.run();
    await coalesced.run();
  };
  await Promise.all([again(), coalesced.run(), again()]);
  expect(mostRunning).toBe(1);
});
