import { describe, expect, it } from 'vitest';
import { Code } from '../../../src/wamp/codes.js';
import { ErrorUri } from '../../../src/wamp/uris.js';
import { brokerBench, subscribeMessage, subscribeNow } from '../../support/pubsub.js';
import { testPeer } from '../../support/recording-outlet.js';
import { DealerHarness, expectNoLeaks, pair, refusal } from './dealer/dealer-harness.js';

const COUNT = 10;
const PART = 4;
const numbers = Array.from({ length: COUNT }, (_, index) => index);

describe('the subscriptions of a session that leaves in parts (SES-13, G11)', () => {
  it('end a part at a time, down to the few that `leave` ends', () => {
    const bench = brokerBench();
    const [peer, other] = [testPeer(), testPeer()];
    for (const index of numbers) subscribeNow(bench, peer, `topic.${index}`);
    subscribeNow(bench, other, 'topic.0');
    bench.outlet.take();
    const left: number[] = [];
    while (bench.broker.leavePart(peer, PART)) left.push(bench.broker.receiverCount - 1);
    expect(left).toEqual([6, 2]);
    bench.broker.leave(peer);
    expect([bench.broker.receiverCount, bench.broker.subscriberCount]).toEqual([1, 1]);
    const unwatched = bench.outlet.take().map((one) => one.verb === 'unwatch' && one.topic);
    expect(unwatched.toSorted()).toEqual(numbers.slice(1).map((index) => `topic.${index}`));
  });

  it('end so also where SUBSCRIBED is outstanding, and nobody is answered', () => {
    const bench = brokerBench({ settlesAtOnce: false });
    const peer = testPeer();
    for (const index of numbers) bench.broker.subscribe(peer, subscribeMessage(index + 1, `topic.${index}`));
    expect(bench.broker.leavePart(peer, PART)).toBe(true);
    expect(bench.broker.subscriptionCount).toBe(COUNT - PART);
    for (const watch of bench.outlet.watches.slice(0, PART)) watch.settle();
    expect(bench.outlet.sentTo(peer)).toEqual([]);
    expect(bench.broker.leavePart(peer, PART)).toBe(true);
    expect(bench.broker.leavePart(peer, PART)).toBe(false);
    bench.broker.leave(peer);
    expect([bench.broker.subscriptionCount, bench.broker.subscriberCount]).toEqual([0, 0]);
  });
});

describe.each([1, 2])(
  'what a session has at the dealer, and leaves in parts, on %i nodes (SES-13, G11)',
  (nodeCount) => {
    const leaveInParts = (session: ReturnType<DealerHarness['session']>): number => {
      let partCount = 0;
      while (session.node.dealer.leavePart(session.peer, PART)) partCount++;
      session.node.cluster.settle();
      return partCount;
    };

    it('are its registrations: a call goes to none of them any more, from the first part on', () => {
      const { harness, caller, callee } = pair(nodeCount);
      for (const index of numbers) callee.registered(`com.${index}`);
      callee.node.dealer.leavePart(callee.peer, PART);
      const requests = numbers.map((index) => caller.call(`com.${index}`));
      harness.flush();
      expect(callee.take()).toEqual([]);
      expect(caller.take()).toEqual(requests.map((request) => refusal(Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE)));
      expect(leaveInParts(callee)).toBe(1);
      callee.leave();
      caller.leave();
      expectNoLeaks(harness);
    });

    it('are its REGISTERs without an answer, which are not granted any more', () => {
      const harness = new DealerHarness(nodeCount, { isManual: true });
      const callee = harness.session(nodeCount - 1);
      for (const index of numbers) callee.register(`com.${index}`);
      expect(leaveInParts(callee)).toBe(2);
      callee.leave();
      harness.flush();
      expect(callee.take()).toEqual([]);
      expectNoLeaks(harness);
    });

    it('are its invocations: each caller gets one ERROR (G3, DLR-12)', () => {
      const { harness, caller, callee } = pair(nodeCount);
      callee.registered('com.a');
      const requests = numbers.map(() => caller.call('com.a'));
      expect(callee.take()).toHaveLength(COUNT);
      expect(leaveInParts(callee)).toBe(2);
      expect(caller.take()).toHaveLength(2 * PART);
      callee.leave();
      const rest = caller.take();
      expect(rest).toHaveLength(COUNT - 2 * PART);
      for (const answer of rest) expect(answer).toEqual(refusal(Code.CALL, answer[2] as number, ErrorUri.CANCELED));
      expect(caller.received.map(([, , request]) => request).toSorted()).toEqual(requests.toSorted());
      expectNoLeaks(harness, true);
    });

    it('are its calls: each callee is interrupted once (DLR-11)', () => {
      const { harness, caller, callee } = pair(nodeCount);
      callee.registered('com.a');
      for (const _ of numbers) caller.call('com.a');
      expect(callee.take()).toHaveLength(COUNT);
      expect(leaveInParts(caller)).toBe(2);
      caller.leave();
      expect(callee.take().map(([code]) => code)).toEqual(numbers.map(() => Code.INTERRUPT));
      expectNoLeaks(harness, true);
    });
  },
);
