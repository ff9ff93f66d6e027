import { expect, it } from 'vitest';
import type { PendingWait } from '../../../../../src/backplane/redis/realm/pending.js';
import { RealmWaits } from '../../../../../src/backplane/redis/realm/waits.js';
import { createClusterCounters } from '../../../../../src/telemetry/cluster-counters.js';
import type { NodeId } from '../../../../../src/wamp/ids.js';
import { VirtualTime } from '../../../../simulation/virtual-time.js';

const REASK_MS = 500;
const other = 'n2' as NodeId;

function scene() {
  const time = new VirtualTime();
  const asked: string[] = [];
  const waits = new RealmWaits({
    nowMs: () => time.nowMs,
    after: (delayMs, action) => time.after(delayMs, action),
    reaskMs: REASK_MS,
    counters: createClusterCounters(),
    ask: (node, version) => void asked.push(`${node} ${version}`),
  });
  const pass = (durationMs: number) => time.advanceTo(time.nowMs + durationMs, () => undefined);
  return { asked, waits, pass };
}

class Waiting implements PendingWait {
  readonly deadlineMs = 10_000;
  isSettled = false;
  open(): void {
    this.isSettled = true;
  }
  fail(): void {
    this.isSettled = true;
  }
}

it('asks a node again that has not confirmed, also for a wait without a deadline of its own', async () => {
  const { asked, waits, pass } = scene();
  waits.wait(5, [other], new Waiting());
  await pass(3 * REASK_MS);
  expect(asked.length).toBeGreaterThan(1);
  expect(new Set(asked)).toEqual(new Set([`${other} 5`]));
});

it.each(['wait', 'suspend'] as const)('forgets what was settled otherwise (%s)', async (how) => {
  const { asked, waits, pass } = scene();
  const waiting = new Waiting();
  if (how === 'wait') waits.wait(5, [other], waiting);
  else waits.suspend(waiting);
  expect(waits.barrierCount).toBe(1);
  waiting.fail();
  await pass(2 * REASK_MS);
  expect([waits.barrierCount, asked]).toEqual([0, []]);
});
