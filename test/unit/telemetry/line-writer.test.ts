import { expect, it } from 'vitest';
import { createCounters } from '../../../src/telemetry/counters.js';
import type { ImmediatePort } from '../../../src/telemetry/line-port.js';
import { LineWriter } from '../../../src/telemetry/line-writer.js';

/** A destination that takes what each step allows: a number of bytes, or the system's error. Later ones take everything. */
function scene(...steps: (number | 'EAGAIN' | 'ENOSPC')[]) {
  const scene = { text: '', recovered: [] as number[], fates: createCounters().logLines };
  const port: ImmediatePort = {
    kind: 'immediate',
    writeNow: (bytes) => {
      const step = steps.shift() ?? bytes.length;
      if (typeof step === 'string') throw Object.assign(new Error(step), { code: step });
      const taken = Math.min(step, bytes.length);
      scene.text += Buffer.from(bytes.subarray(0, taken)).toString();
      return taken;
    },
  };
  const writer = new LineWriter({
    port,
    maxUnwrittenBytes: () => 16,
    count: (fate, lineCount) => (scene.fates[fate] += lineCount),
    recovered: (dropped) => scene.recovered.push(dropped),
  });
  return { scene, writer };
}

it('begins a new line behind one that failed halfway', () => {
  const { scene: seen, writer } = scene(2, 'ENOSPC');
  writer.write('first\n');
  writer.flush(1_000);
  writer.write('second\n');
  writer.flush(1_000);
  expect(seen.text).toBe('fi\nsecond\n');
  expect(seen.fates).toMatchObject({ written: 1, dropped_failed: 1, dropped_stalled: 0 });
});

it('keeps lines in order while the destination takes nothing, drops those that find no room, and reports how many', () => {
  const { scene: seen, writer } = scene('EAGAIN');
  for (const line of ['one.....\n', 'two..\n', 'three\n', 'four.\n']) writer.write(line);
  expect(seen.text).toBe('');
  writer.flush(1_000);
  expect(seen.text).toBe('one.....\ntwo..\n');
  writer.write('five.\n');
  expect(seen.fates).toMatchObject({ written: 2, dropped_failed: 0, dropped_stalled: 2 });
});

it('reports what was dropped once, with the next line that gets through', () => {
  const { scene: seen, writer } = scene('ENOSPC', 'ENOSPC');
  for (const line of ['one\n', 'two\n', 'three\n', 'four\n']) writer.write(line);
  expect(seen.text).toBe('three\nfour\n');
  expect(seen.recovered).toEqual([2]);
});

it('gives up a flush that the destination does not take', () => {
  const { scene: seen, writer } = scene(...Array.from({ length: 10_000 }, () => 'EAGAIN' as const));
  writer.write('one\n');
  writer.flush(10);
  expect(seen.text).toBe('');
});
