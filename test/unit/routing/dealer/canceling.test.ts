import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import type { CancelMode } from '../../../../src/wamp/options.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { expectNoLeaks, pair, refusal, TOPOLOGIES } from './dealer-harness.js';

const MODES: readonly CancelMode[] = ['skip', 'kill', 'killnowait'];

describe.each(TOPOLOGIES)('canceling, $name', ({ nodeCount }) => {
  function inCall(callee?: readonly []): ReturnType<typeof pair> & { request: number } {
    const all = pair(nodeCount, callee === undefined ? {} : { callee });
    all.callee.registered('com.a');
    const request = all.caller.call('com.a', { receiveProgress: true });
    all.callee.take();
    return { ...all, request };
  }

  it('skip: answers the caller at once and leaves the callee alone (CAN-1)', () => {
    const { harness, caller, callee, request } = inCall();
    caller.cancel(request, 'skip');
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.CANCELED)]);
    callee.yield(1, ['late']);
    expect(callee.take()).toEqual([]);
    expect(caller.take()).toEqual([]);
    expect(harness.nodes[nodeCount - 1]!.counted('late_yield')).toBe(1);
    expect(harness.nodes[0]!.outcomes()).toEqual(['canceled']);
    expectNoLeaks(harness, true);
  });

  it('killnowait: answers the caller at once and interrupts the callee (CAN-1, CAN-3)', () => {
    const { harness, caller, callee, request } = inCall();
    caller.cancel(request, 'killnowait');
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.CANCELED)]);
    expect(callee.take()).toEqual([[Code.INTERRUPT, 1, { mode: 'killnowait' }]]);
    callee.error(1, ErrorUri.CANCELED);
    expect(caller.take()).toEqual([]);
    expectNoLeaks(harness, true);
  });

  it('kill: interrupts the callee and forwards its ERROR (CAN-1)', () => {
    const { harness, caller, callee, request } = inCall();
    caller.cancel(request, 'kill');
    expect(caller.take()).toEqual([]);
    expect(callee.take()).toEqual([[Code.INTERRUPT, 1, { mode: 'kill' }]]);
    callee.error(1, 'com.app.interrupted', ['cleaned up']);
    expect(caller.take()).toEqual([[Code.ERROR, Code.CALL, request, {}, 'com.app.interrupted', ['cleaned up']]]);
    expect(harness.nodes[0]!.outcomes()).toEqual(['canceled']);
    expectNoLeaks(harness, true);
  });

  it('kill: forwards the RESULT when that is what the callee answers (CAN-1)', () => {
    const { harness, caller, callee, request } = inCall();
    caller.cancel(request, 'kill');
    callee.yield(1, ['done before the INTERRUPT']);
    expect(caller.take()).toEqual([[Code.RESULT, request, {}, ['done before the INTERRUPT']]]);
    callee.error(1, ErrorUri.CANCELED);
    expect(caller.take()).toEqual([]);
    expect(harness.nodes[0]!.outcomes()).toEqual(['result']);
    expectNoLeaks(harness, true);
  });

  it.each(MODES)('%s behaves as skip at a callee without call_canceling, ERROR included (CAN-2)', (mode) => {
    const { harness, caller, callee, request } = inCall([]);
    caller.cancel(request, mode);
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.CANCELED)]);
    expect(callee.take()).toEqual([]);
    callee.yield(1, ['late']);
    expect(callee.isOpen).toBe(true);
    expect(caller.take()).toEqual([]);
    expect(harness.nodes[0]!.outcomes()).toEqual(['canceled']);
    expectNoLeaks(harness, true);
  });

  it.each(MODES)('%s after the final answer is ignored (CAN-7)', (mode) => {
    const { harness, caller, callee, request } = inCall();
    callee.yield(1);
    caller.take();
    caller.cancel(request, mode);
    caller.cancel(request + 1, mode);
    expect(caller.take()).toEqual([]);
    expect(callee.take()).toEqual([]);
    expectNoLeaks(harness, true);
  });

  it('ignores a second CANCEL of the same call, also with another mode', () => {
    const { caller, callee, request } = inCall();
    caller.cancel(request, 'kill');
    caller.cancel(request, 'kill');
    caller.cancel(request, 'killnowait');
    expect(callee.take()).toHaveLength(1);
    expect(caller.take()).toEqual([]);
    callee.error(1, ErrorUri.CANCELED);
    expect(caller.take()).toHaveLength(1);
  });

  it('lets only the caller of a call cancel it (CAN-7)', () => {
    const { harness, caller, callee, request } = inCall();
    const other = harness.session(0);
    other.cancel(request, 'killnowait');
    callee.yield(1);
    expect(caller.take()).toEqual([[Code.RESULT, request, {}]]);
    expect(other.take()).toEqual([]);
  });

  it.each(MODES)('%s ends the progressive results of a call (ORD-5)', (mode) => {
    const { harness, caller, callee, request } = inCall();
    callee.yield(1, [1], { progress: true });
    expect(caller.take()).toHaveLength(1);
    caller.cancel(request, mode);
    callee.yield(1, [2], { progress: true });
    callee.yield(1, [3]);
    const answers = caller.take();
    expect(answers).toHaveLength(1);
    expect(answers[0]).toEqual(
      mode === 'kill' ? [Code.RESULT, request, {}, [3]] : refusal(Code.CALL, request, ErrorUri.CANCELED),
    );
    expectNoLeaks(harness, true);
  });

  it('kill: answers canceled when the callee leaves instead of answering (CAN-6)', () => {
    const { harness, caller, callee, request } = inCall();
    caller.cancel(request, 'kill');
    callee.leave();
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.CANCELED)]);
    expectNoLeaks(harness, true);
  });

  it('kill: a callee that never answers is bounded by the timeout (CAN-6)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    const request = caller.call('com.a', { timeoutMs: 100 });
    callee.take();
    caller.cancel(request, 'kill');
    harness.nodes[0]!.outlet.advance(100);
    harness.flush();
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.TIMEOUT)]);
    // One INTERRUPT is enough.
    expect(callee.take()).toEqual([[Code.INTERRUPT, 1, { mode: 'kill' }]]);
    callee.yield(1);
    expect(callee.isOpen).toBe(true);
    expectNoLeaks(harness, true);
  });

  it('kill: unavailable is forwarded, no other callee is bothered (RRT-3)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    const other = harness.session(0);
    callee.registered('com.a', { invoke: 'first' });
    other.registered('com.a', { invoke: 'first' });
    const request = caller.call('com.a');
    caller.cancel(request, 'kill');
    callee.error(1, ErrorUri.UNAVAILABLE);
    expect(caller.take()).toEqual([[Code.ERROR, Code.CALL, request, {}, ErrorUri.UNAVAILABLE]]);
    expect(other.take()).toEqual([]);
  });
});

describe('CANCEL and answer that cross between two nodes', () => {
  it.each(
    MODES.flatMap(
      (mode) =>
        [
          { mode, isOnWay: 'YIELD' },
          { mode, isOnWay: 'ERROR' },
        ] as const,
    ),
  )('$mode: the caller gets one answer when a $isOnWay is under way (G3)', ({ mode, isOnWay }) => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    callee.registered('com.a');
    const request = caller.call('com.a');
    harness.flush();
    if (isOnWay === 'YIELD') callee.yield(1, ['crossed']);
    else callee.error(1, 'com.app.error', ['crossed']);
    caller.cancel(request, mode);
    harness.flush();
    const answers = caller.take();
    expect(answers).toHaveLength(1);
    expect(answers[0]!.at(-1)).toEqual(mode === 'kill' ? ['crossed'] : [expect.stringContaining('canceled')]);
    expect(harness.nodes[0]!.counted('late_frame')).toBe(mode === 'kill' ? 0 : 1);
    expect(callee.take().map(([code]) => code)).toEqual([Code.INVOCATION]);
    expectNoLeaks(harness, true);
  });

  it.each(MODES)('%s: the caller gets one answer when the callee leaves meanwhile (G3)', (mode) => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    callee.registered('com.a');
    const request = caller.call('com.a');
    harness.flush();
    callee.leave();
    caller.cancel(request, mode);
    harness.flush();
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.CANCELED)]);
    expectNoLeaks(harness, true);
  });

  it.each(MODES)('%s: a callee that left before the call came is not replaced (CAN-1)', (mode) => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    const other = harness.session(1);
    callee.registered('com.a', { invoke: 'first' });
    other.registered('com.a', { invoke: 'first' });
    callee.leave();
    const request = caller.call('com.a');
    caller.cancel(request, mode);
    harness.flush();
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.CANCELED)]);
    expect(other.take()).toEqual([]);
    expectNoLeaks(harness, true);
  });
});
