import { expect, it } from 'vitest';
import { LeavingSessions } from '../../../../src/realm/sessions/leaving-sessions.js';
import type { Session } from '../../../../src/session/ports.js';
import { brokerBench, subscribeNow } from '../../../support/pubsub.js';
import { testPeer } from '../../../support/recording-outlet.js';
import { DealerHarness } from '../../routing/dealer/dealer-harness.js';

/** A session with `count` subscriptions. */
function scene(count: number) {
  const { broker, outlet } = brokerBench();
  const { dealer } = new DealerHarness().nodes[0]!;
  const session = testPeer() as Session;
  for (let index = 0; index < count; index++)
    subscribeNow({ broker, outlet, limitCount: 0, droppedCount: 0 }, session, `topic.${index}`);
  const ended: boolean[] = [];
  const leaving = new LeavingSessions(broker, dealer, (one, isSilent) => {
    broker.leave(one);
    ended.push(isSilent);
  });
  return { broker, session, leaving, ended };
}

it('a session that holds little ends at once (SES-13)', () => {
  const { broker, session, leaving, ended } = scene(200);
  expect(leaving.begin(session, false)).toBeUndefined();
  expect(ended).toEqual([false]);
  expect(broker.receiverCount).toBe(0);
});

it('a session that holds much ends in parts, as silently as its end began (G11, SES-13)', () => {
  const { broker, session, leaving, ended } = scene(550);
  const endPart = leaving.begin(session, true)!;
  expect(leaving.begin(session, false)).toBeUndefined();
  const left = [broker.receiverCount];
  while (endPart()) left.push(broker.receiverCount);
  expect(left).toEqual([350, 150]);
  expect(ended).toEqual([true]);
  expect(broker.receiverCount).toBe(0);
  expect(endPart()).toBe(false);
  expect(ended).toEqual([true]);
});

it('sessions that are leaving end with their realm', () => {
  const { broker, session, leaving, ended } = scene(550);
  const endPart = leaving.begin(session, false)!;
  leaving.close();
  expect(ended).toEqual([false]);
  expect(broker.receiverCount).toBe(0);
  expect(endPart()).toBe(false);
  expect(ended).toEqual([false]);
});
