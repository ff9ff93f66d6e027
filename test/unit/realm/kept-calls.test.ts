import { expect, it } from 'vitest';
import { Code } from '../../../src/wamp/codes.js';
import { cleanups, startCluster } from '../../support/cluster.js';
import { RawClient } from '../../support/raw-client.js';

const keep = cleanups();

it.each([
  { what: 'a small call goes to another callee', bytes: 1_000, isRerouted: true },
  { what: 'a large one is not kept for that, and its caller receives the reason', bytes: 20_000, isRerouted: false },
])('$what (RRT-1, RRT-3)', async ({ bytes, isRerouted }) => {
  const cluster = await startCluster(1);
  keep(() => cluster.stop());
  const [caller, first, second] = await Promise.all([0, 1, 2].map(() => RawClient.join(cluster.url(0))));
  const registration = await first!.register('com.example.work', { invoke: 'first' });
  expect(await second!.register('com.example.work', { invoke: 'first' })).toBe(registration);

  const call = caller!.call('com.example.work', ['x'.repeat(bytes)]);
  const [, request] = await first!.expect(Code.INVOCATION);
  first!.send([Code.ERROR, Code.INVOCATION, request, {}, 'wamp.error.unavailable']);

  if (isRerouted) {
    const [, again] = await second!.expect(Code.INVOCATION);
    second!.send([Code.YIELD, again, {}, ['done']]);
    expect(await caller!.receive()).toEqual([Code.RESULT, call, {}, ['done']]);
  } else {
    expect((await caller!.receive()).slice(0, 5)).toEqual([Code.ERROR, Code.CALL, call, {}, 'wamp.error.unavailable']);
    expect(await second!.fence()).toEqual([]);
  }
});
