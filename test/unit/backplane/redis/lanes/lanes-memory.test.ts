import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import type { NodeId } from '../../../../../src/wamp/ids.js';
import { until } from '../../../../support/endings.js';
import { A } from '../../../../support/lane-items.js';
import { LanesUnderTest, LOST, READS, settled } from '../../../../support/lanes-under-test.js';

const NODE_COUNT = 2_000;
const LIMIT_BYTES = 4_096;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function usedBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

it(`an idle lane takes at most ${LIMIT_BYTES} bytes, whatever it has carried before`, async () => {
  const sender = new LanesUnderTest(A);
  const { lanes } = sender;
  const received = async (): Promise<number> => {
    const sent = sender.endTurn();
    for (const { receipt } of sent) receipt(1);
    await settled();
    return sent.length;
  };
  const names = Array.from({ length: NODE_COUNT }, (_, number) => `node-${number}` as NodeId);
  const before = usedBytes();
  for (const name of names) lanes.open(name, READS);
  for (const name of names) lanes.send(name, 'realm', LOST);
  expect(await received()).toBe(NODE_COUNT);
  do lanes.heartbeat();
  while ((await received()) > 0);
  // Another thread frees the memory of buffers, some time after the collection.
  await until(() => (usedBytes() - before) / NODE_COUNT < LIMIT_BYTES);
  for (const name of names) lanes.send(name, 'realm', LOST);
  expect(await received()).toBe(NODE_COUNT);
});
