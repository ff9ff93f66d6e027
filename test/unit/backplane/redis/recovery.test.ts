import { expect, it } from 'vitest';
import { Recovery } from '../../../../src/backplane/redis/recovery.js';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import { Deferred } from '../../../../src/util/deferred.js';
import { after } from '../../../../src/util/timeout.js';

/** A recovery whose resyncs of the sessions are under way until the test ends them. */
function scene() {
  const resyncs: Deferred[] = [];
  const nothing = (): void => undefined;
  const done = (): Promise<void> => Promise.resolve();
  const recovery = new Recovery({
    membership: {
      renewOnce: () => Promise.resolve('renewed'),
      noteRealms: done,
      goneWithin: () => [],
      findUnknownRealms: () => Promise.resolve([]),
    },
    prober: { reset: nothing, round: done },
    hold: { release: nothing },
    lanes: { cutOff: nothing, sync: nothing },
    sessions: {
      resync: () => {
        const resync = new Deferred();
        resyncs.push(resync);
        return resync.promise;
      },
    },
    sessionReader: { forget: done },
    realms: { storeEmptied: nothing, resync: done, withdrawUnknown: nothing },
    standing: { isUp: false },
    outages: { requestFailed: nothing },
    logger: silentLogger,
    probeTimeoutMs: 60_000,
    after,
  });
  const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { recovery, resyncs, nextTurn };
}

it('writes everything once more when the store loses its data during a recovery (G6)', async () => {
  const { recovery, resyncs, nextTurn } = scene();
  const ran = recovery.run(() => true);
  await nextTurn();
  recovery.storeLost();
  resyncs[0]?.resolve();
  await nextTurn();
  expect(resyncs).toHaveLength(2);
  resyncs[1]?.resolve();
  await ran;
  expect(resyncs).toHaveLength(2);
});

it('leaves that to the next recovery when another outage has begun', async () => {
  const { recovery, resyncs, nextTurn } = scene();
  let isCurrent = true;
  const ran = recovery.run(() => isCurrent);
  await nextTurn();
  recovery.storeLost();
  isCurrent = false;
  resyncs[0]?.resolve();
  await ran;
  expect(resyncs).toHaveLength(1);
});
