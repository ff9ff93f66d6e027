import { describe, expect, it } from 'vitest';
import { HeldTotal } from '../../../src/routing/held-total.js';
import { Code } from '../../../src/wamp/codes.js';
import { ErrorUri } from '../../../src/wamp/uris.js';
import { payloadOfBytes } from '../../support/payloads.js';
import { brokerBench, publishMessage, subscribeMessage } from '../../support/pubsub.js';
import { testPeer } from '../../support/recording-outlet.js';
import { DealerHarness, expectNoLeaks } from './dealer/dealer-harness.js';

describe('what a node keeps of all sessions together (limits.maxTotalHeldBytes)', () => {
  it('counts a call that may go to another callee, until it has its answer', () => {
    const harness = new DealerHarness(1);
    const [node] = harness.nodes;
    const [caller, callee] = [harness.session(0), harness.session(0)];
    callee.registered('com.a', { invoke: 'first' });
    caller.callWith('com.a', payloadOfBytes(100));
    expect(node!.heldTotal.bytes).toBe(100);
    callee.yield(1);
    expect(node!.heldTotal.bytes).toBe(0);
    caller.callWith('com.a', payloadOfBytes(100));
    caller.leave();
    expect(node!.heldTotal.bytes).toBe(0);
    expectNoLeaks(harness, true);
  });

  it('keeps no further call past the bound: its callee has it all the same, and no other gets it', () => {
    const heldTotal = new HeldTotal(150);
    const harness = new DealerHarness(1, { heldTotal });
    const [caller, first, second] = [harness.session(0), harness.session(0), harness.session(0)];
    for (const callee of [first, second]) callee.registered('com.a', { invoke: 'first' });
    const kept = caller.callWith('com.a', payloadOfBytes(100));
    const other = caller.callWith('com.a', payloadOfBytes(100));
    expect(harness.nodes[0]!.limitsReached).toEqual(['kept_calls']);
    expect(first.take().filter(([code]) => code === Code.INVOCATION)).toHaveLength(2);
    first.error(2, ErrorUri.UNAVAILABLE);
    expect(caller.take()).toEqual([[Code.ERROR, Code.CALL, other, {}, ErrorUri.UNAVAILABLE]]);
    first.error(1, ErrorUri.UNAVAILABLE);
    second.yield(1, ['served']);
    expect(caller.take()).toEqual([[Code.RESULT, kept, {}, ['served']]]);
    expectNoLeaks(harness, true);
  });

  it('refuses a call that would wait for a REGISTER of its session, also the first one', () => {
    const heldTotal = new HeldTotal(50);
    const harness = new DealerHarness(1, { isManual: true, heldTotal });
    const session = harness.session(0);
    session.register('com.a');
    const request = session.callWith('com.a', payloadOfBytes(100));
    harness.flush();
    expect(session.take().map((message) => [message[0], message[2], message[4]])).toContainEqual([
      Code.ERROR,
      request,
      ErrorUri.LIMIT_EXCEEDED,
    ]);
    expect(harness.nodes[0]!.limitsReached).toEqual(['held_calls']);
  });

  it('drops and counts an event that would wait for a SUBSCRIBE of its session', () => {
    const heldTotal = new HeldTotal(150);
    const bench = brokerBench({ settlesAtOnce: false, heldTotal });
    const [one, other] = [testPeer(), testPeer()];
    const publish = (peer: typeof one): void => {
      const [code, request, options, topic] = publishMessage(1, 'a', { excludeMe: false });
      bench.broker.publish(peer, [code, request, options, topic, payloadOfBytes(100)], false);
    };
    bench.broker.subscribe(one, subscribeMessage(1, 'a'));
    bench.broker.subscribe(other, subscribeMessage(1, 'a'));
    publish(one);
    expect(heldTotal.bytes).toBe(100);
    publish(other);
    expect(bench.droppedCount).toBe(1);
    bench.broker.leave(one);
    expect(heldTotal.bytes).toBe(0);
    publish(other);
    expect(heldTotal.bytes).toBe(100);
    for (const watch of bench.outlet.watches) watch.settle();
    expect(heldTotal.bytes).toBe(0);
    expect(bench.droppedCount).toBe(1);
  });
});
