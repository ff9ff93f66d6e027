import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { patientOutput } from '../../../src/cli/standard-output.js';

it('waits for a slow reader any number of times, and leaves no listener behind', async () => {
  const stream = new PassThrough({ highWaterMark: 1 });
  const output = patientOutput(stream as unknown as NodeJS.WriteStream);
  for (let round = 0; round < 20; round++) {
    output.print('x'.repeat(100));
    const drained = output.drained();
    stream.read();
    await drained;
  }
  const counts = ['drain', 'close', 'error'].map((event) => stream.listenerCount(event));
  expect(counts).toEqual([0, 0, 0]);
});
