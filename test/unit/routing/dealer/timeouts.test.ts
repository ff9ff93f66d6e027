import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { expectNoLeaks, pair, refusal, TOPOLOGIES } from './dealer-harness.js';
import type { HarnessOptions } from './harness-node.js';

const GRACE_MS = 2_000;

describe.each(TOPOLOGIES)('call timeouts, $name', ({ nodeCount }) => {
  function timed(options: Parameters<typeof pair>[1] = {}): ReturnType<typeof pair> & { pass: (ms: number) => void } {
    const all = pair(nodeCount, options);
    return {
      ...all,
      pass: (elapsedMs) => {
        for (const node of all.harness.nodes) node.outlet.advance(elapsedMs);
        all.harness.flush();
      },
    };
  }

  it('answers wamp.error.timeout and interrupts the callee (TMO-2)', () => {
    const { harness, caller, callee, pass } = timed();
    callee.registered('com.a');
    const request = caller.call('com.a', { timeoutMs: 100 });
    expect(callee.take()[0]![3]).toEqual({});
    pass(99);
    expect(caller.take()).toEqual([]);
    pass(1);
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.TIMEOUT)]);
    expect(callee.take()).toEqual([[Code.INTERRUPT, 1, { mode: 'killnowait' }]]);
    callee.yield(1);
    expect(callee.isOpen).toBe(true);
    expect(caller.take()).toEqual([]);
    expect(harness.nodes[0]!.outcomes()).toEqual(['timeout']);
    expectNoLeaks(harness, true);
  });

  it('sends no INTERRUPT to a callee that did not announce canceling (TMO-2)', () => {
    const { harness, caller, callee, pass } = timed({ callee: [] });
    callee.registered('com.a');
    const request = caller.call('com.a', { timeoutMs: 100 });
    callee.take();
    pass(100);
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.TIMEOUT)]);
    expect(callee.take()).toEqual([]);
    expectNoLeaks(harness, true);
  });

  it('sets no timer without a timeout (TMO-1)', () => {
    const { harness, caller, callee } = timed();
    callee.registered('com.a');
    caller.call('com.a', { timeoutMs: 0 });
    expect(harness.nodes[0]!.outlet.timerCount()).toBe(0);
  });

  it.each(['RESULT', 'ERROR', 'CANCEL', 'caller leaving', 'callee leaving'])('stops the timer on %s', (end) => {
    const { harness, caller, callee, pass } = timed();
    callee.registered('com.a');
    const request = caller.call('com.a', { timeoutMs: 100 });
    if (end === 'RESULT') callee.yield(1);
    if (end === 'ERROR') callee.error(1, 'com.app.error');
    if (end === 'CANCEL') caller.cancel(request, 'skip');
    if (end === 'caller leaving') caller.leave();
    if (end === 'callee leaving') callee.leave();
    expect(harness.nodes[0]!.outlet.timerCount()).toBe(0);
    const answers = caller.take();
    expect(answers).toHaveLength(end === 'caller leaving' ? 0 : 1);
    pass(1_000);
    expect(caller.take()).toEqual([]);
    expectNoLeaks(harness, true);
  });

  it('runs from the CALL to the first YIELD and between YIELDs, not over the whole call (PCR-5)', () => {
    const { caller, callee, pass } = timed();
    callee.registered('com.a');
    const request = caller.call('com.a', { timeoutMs: 100, receiveProgress: true });
    for (let chunk = 1; chunk <= 5; chunk++) {
      pass(90);
      callee.yield(1, [chunk], { progress: true });
    }
    expect(caller.take()).toHaveLength(5);
    pass(99);
    expect(caller.take()).toEqual([]);
    pass(1);
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.TIMEOUT)]);
  });

  it('is not prolonged by progress nobody asked for (PCR-5, PCR-6)', () => {
    const { caller, callee, pass } = timed();
    callee.registered('com.a');
    caller.call('com.a', { timeoutMs: 100 });
    pass(90);
    callee.yield(1, [], { progress: true });
    pass(10);
    expect(caller.take()).toHaveLength(1);
  });

  it('is set by the first CALL of a progressive call invocation and not by further ones (PCI-11)', () => {
    const { caller, callee, pass } = timed();
    callee.registered('com.a');
    const request = caller.call('com.a', { timeoutMs: 100, progress: true });
    pass(60);
    caller.continueCall(request, 'com.a', { progress: true, timeoutMs: 10_000 });
    pass(40);
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.TIMEOUT)]);
  });

  it('is forwarded to a callee that announced it and asked for it, which answers itself (TMO-3)', () => {
    const { harness, caller, callee, pass } = timed();
    callee.registered('com.a', { forwardTimeout: true });
    const request = caller.call('com.a', { timeoutMs: 100 });
    expect(callee.take()[0]![3]).toEqual({ timeout: 100 });
    pass(100);
    expect(caller.take()).toEqual([]);
    callee.error(1, ErrorUri.TIMEOUT, ['mine']);
    expect(caller.take()).toEqual([[Code.ERROR, Code.CALL, request, {}, ErrorUri.TIMEOUT, ['mine']]]);
    expectNoLeaks(harness, true);
  });

  it('ends the call all the same when that callee does not answer (TMO-3, G3)', () => {
    const { harness, caller, callee, pass } = timed();
    callee.registered('com.a', { forwardTimeout: true });
    const request = caller.call('com.a', { timeoutMs: 100 });
    pass(100 + GRACE_MS);
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.TIMEOUT)]);
    expect(callee.take().at(-1)).toEqual([Code.INTERRUPT, 1, { mode: 'killnowait' }]);
    expectNoLeaks(harness, true);
  });

  it('is kept here when the callee asked for it without announcing the feature (TMO-3)', () => {
    const { caller, callee, pass } = timed({ callee: ['call_canceling'] });
    callee.registered('com.a', { forwardTimeout: true });
    caller.call('com.a', { timeoutMs: 100 });
    expect(callee.take()[0]![3]).toEqual({});
    pass(100);
    expect(caller.take()).toHaveLength(1);
  });

  it('is decided for the callee chosen, and keeps running over a reroute (TMO-4, RRT-3)', () => {
    const { harness, caller, callee, pass } = timed();
    const second = harness.session(0);
    const third = harness.session(0);
    callee.registered('com.a', { invoke: 'first' });
    second.registered('com.a', { invoke: 'first', forwardTimeout: true });
    third.registered('com.a', { invoke: 'first' });
    const request = caller.call('com.a', { timeoutMs: 100 });
    expect(callee.take()[0]![3]).toEqual({});
    pass(40);
    callee.error(1, ErrorUri.UNAVAILABLE);
    expect(second.take()[0]![3]).toEqual({ timeout: 60 });
    pass(20);
    second.error(1, ErrorUri.UNAVAILABLE);
    expect(third.take()[0]![3]).toEqual({});
    pass(40);
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.TIMEOUT)]);
    expect(third.take()).toHaveLength(1);
    expectNoLeaks(harness, true);
  });

  it('ends a call rerouted after its time was up, when the next callee keeps no time itself (TMO-4)', () => {
    const { harness, caller, callee, pass } = timed();
    const second = harness.session(0);
    callee.registered('com.a', { invoke: 'first', forwardTimeout: true });
    second.registered('com.a', { invoke: 'first' });
    const request = caller.call('com.a', { timeoutMs: 100 });
    pass(500);
    callee.error(1, ErrorUri.UNAVAILABLE);
    pass(0);
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.TIMEOUT)]);
    expectNoLeaks(harness, true);
  });

  it.each([0, 5_000])('is cut to the most this router allows (wished: %i ms)', (timeoutMs) => {
    const limits: HarnessOptions['limits'] = { maxCallTimeoutMs: 1_000 };
    const { caller, callee, pass } = timed({ limits });
    callee.registered('com.a');
    const request = caller.call('com.a', { timeoutMs });
    pass(1_000);
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.TIMEOUT)]);
  });
});
