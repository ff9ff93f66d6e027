import { describe, expect, it } from 'vitest';
import { NO_PAYLOAD } from '../../../../src/codec/payload.js';
import { Code } from '../../../../src/wamp/codes.js';
import type { NodeId } from '../../../../src/wamp/ids.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { codesOf, DealerHarness, expectNoLeaks, pair, refusal } from './dealer-harness.js';
import type { TestSession } from './test-session.js';

describe('the death of a node', () => {
  it('answers canceled to the callers of its callees, and calls of them find nobody (G5, DLR-12)', () => {
    const { harness, caller, callee } = pair(2);
    callee.registered('com.a');
    const request = caller.call('com.a');
    const other = caller.call('com.a', { timeoutMs: 1_000 });
    harness.kill(1);
    expect(caller.take()).toEqual([
      refusal(Code.CALL, request, ErrorUri.CANCELED),
      refusal(Code.CALL, other, ErrorUri.CANCELED),
    ]);
    const late = caller.call('com.a');
    expect(caller.take()).toEqual([refusal(Code.CALL, late, ErrorUri.NO_SUCH_PROCEDURE)]);
    expectNoLeaks(harness, true);
  });

  it('interrupts the callees of its callers, who may answer late (G5, DLR-11)', () => {
    const { harness, caller, callee } = pair(2);
    const silent = harness.session(1, []);
    callee.registered('com.a', { concurrency: 1 });
    silent.registered('com.b');
    caller.call('com.a');
    caller.call('com.b');
    callee.take();
    silent.take();
    harness.kill(0);
    expect(callee.take()).toEqual([[Code.INTERRUPT, 1, { mode: 'killnowait' }]]);
    expect(silent.take()).toEqual([]);
    callee.yield(1);
    silent.yield(1);
    expect([callee.isOpen, silent.isOpen]).toEqual([true, true]);
    expectNoLeaks(harness, true);
    harness.session(1).call('com.a');
    expect(callee.take()).toHaveLength(1);
  });

  it('leaves calls between the survivors alone', () => {
    const harness = new DealerHarness(3);
    const caller = harness.session(0);
    const callee = harness.session(1);
    callee.registered('com.a');
    const request = caller.call('com.a');
    harness.kill(2);
    callee.yield(1);
    expect(caller.take()).toEqual([[Code.RESULT, request, {}]]);
  });

  it('takes its callees out of the mirror, whatever late rows contain (G3)', () => {
    const { harness, caller, callee } = pair(2);
    const near = harness.session(0);
    callee.registered('com.a', { invoke: 'first' });
    near.registered('com.a', { invoke: 'first' });
    callee.registered('com.b');
    harness.nodes[0]!.dealer.nodeGone(harness.nodes[1]!.id);
    caller.call('com.a');
    expect(near.take()).toHaveLength(1);
    const request = caller.call('com.b');
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE)]);
  });
});

describe('a lane that loses messages', () => {
  function crossing(): ReturnType<typeof pair> & { local: TestSession; requests: number[] } {
    const all = pair(2, { isManual: true });
    const local = all.harness.session(0);
    all.callee.registered('com.far');
    local.registered('com.near');
    const requests = [all.caller.call('com.far'), all.caller.call('com.near')];
    return { ...all, local, requests };
  }

  it('ends the call whose invoke was lost, although nobody at the other end knows it (G3)', () => {
    const { harness, caller, callee, local, requests } = crossing();
    harness.nodes[1]!.loseOne(harness.nodes[0]!.id);
    harness.flush();
    expect(callee.take()).toEqual([]);
    expect(caller.take()).toEqual([refusal(Code.CALL, requests[0]!, ErrorUri.NETWORK_FAILURE)]);
    local.yield(1);
    expect(caller.take()).toEqual([[Code.RESULT, requests[1], {}]]);
    expectNoLeaks(harness, true);
  });

  it('ends the call whose answer was lost, and interrupts nobody in vain (G3)', () => {
    const { harness, caller, callee, requests } = crossing();
    harness.flush();
    callee.yield(1);
    harness.nodes[0]!.loseOne(harness.nodes[1]!.id);
    harness.flush();
    expect(caller.take()).toEqual([refusal(Code.CALL, requests[0]!, ErrorUri.NETWORK_FAILURE)]);
    expect(codesOf(callee.take())).toEqual([Code.INVOCATION]);
    expect(harness.nodes[0]!.outcomes()).toEqual(['callee_lost']);
  });

  it('gives up what crossed the lane on both sides, conservatively (design: Losses)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    const back = harness.session(0);
    callee.registered('com.far');
    back.registered('com.back');
    const there = caller.call('com.far');
    const again = callee.call('com.back');
    harness.flush();
    callee.take();
    back.take();
    // Node 1 misses a frame of node 0: its invocations from there and its own calls to there end.
    harness.nodes[1]!.noticeGap(harness.nodes[0]!.id);
    harness.flush();
    expect(caller.take()).toEqual([refusal(Code.CALL, there, ErrorUri.NETWORK_FAILURE)]);
    expect(callee.take()).toEqual([
      [Code.INTERRUPT, 1, { mode: 'killnowait' }],
      refusal(Code.CALL, again, ErrorUri.NETWORK_FAILURE),
    ]);
    expect(back.take()).toEqual([[Code.INTERRUPT, 1, { mode: 'killnowait' }]]);
    expectNoLeaks(harness, true);
    caller.call('com.far');
    harness.flush();
    expect(callee.take()).toEqual([[Code.INVOCATION, 2, expect.any(Number), {}]]);
  });

  it('never concerns calls within one node', () => {
    const { harness, caller, callee } = pair(1);
    callee.registered('com.a');
    caller.call('com.a');
    harness.nodes[0]!.noticeGap(harness.nodes[0]!.id);
    callee.yield(1);
    expect(caller.take()).toEqual([[Code.RESULT, 1, {}]]);
  });
});

describe('frames nobody waits for', () => {
  it('are counted and change nothing', () => {
    const harness = new DealerHarness(2);
    const { dealer } = harness.nodes[0]!;
    const other = harness.nodes[1]!.id;
    const own = { node: harness.nodes[0]!.id, number: 99 };
    const foreign = { node: 'node-9' as NodeId, number: 1 };
    dealer.receive(other, { kind: 'result', call: own, progress: false, payload: NO_PAYLOAD });
    dealer.receive(other, { kind: 'result', call: foreign, progress: true, payload: NO_PAYLOAD });
    dealer.receive(other, { kind: 'failure', call: own, cause: 'gone', error: ErrorUri.CANCELED, payload: NO_PAYLOAD });
    dealer.receive(other, { kind: 'cancel', call: foreign, mode: 'kill' });
    dealer.receive(other, { kind: 'continue', call: foreign, progress: true, payload: NO_PAYLOAD });
    dealer.receive(other, { kind: 'lost' });
    expect(harness.nodes[0]!.counted('late_frame')).toBe(3);
    expect(harness.nodes[0]!.counted('late_continuation')).toBe(1);
    expect(harness.nodes[0]!.sentFrames()).toEqual([]);
    expectNoLeaks(harness);
  });

  it('under the number of a call, but of another node, cannot end it', () => {
    const { harness, caller, callee } = pair(1);
    callee.registered('com.a');
    caller.call('com.a');
    const foreign = { node: 'node-9' as NodeId, number: 1 };
    harness.nodes[0]!.dealer.receive(foreign.node, {
      kind: 'result',
      call: foreign,
      progress: false,
      payload: NO_PAYLOAD,
    });
    expect(caller.take()).toEqual([]);
    callee.yield(1, ['mine']);
    expect(caller.take()).toEqual([[Code.RESULT, 1, {}, ['mine']]]);
  });

  it('of a callee tried before cannot end a call that went on to another', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    const other = harness.session(1);
    callee.registered('com.a', { invoke: 'first' });
    other.registered('com.a', { invoke: 'first' });
    caller.call('com.a');
    harness.flush();
    callee.error(1, ErrorUri.UNAVAILABLE);
    const [first] = harness.nodes[1]!.sentFrames();
    harness.flush();
    harness.nodes[0]!.dealer.receive(harness.nodes[1]!.id, { ...first!, kind: 'failure' } as never);
    expect(harness.nodes[0]!.counted('late_frame')).toBe(1);
    expect(caller.take()).toEqual([]);
    other.yield(1, ['served']);
    harness.flush();
    expect(caller.take()).toEqual([[Code.RESULT, 1, {}, ['served']]]);
  });
});
