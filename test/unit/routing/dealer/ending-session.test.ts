import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import { fault } from '../../../../src/wamp/faults.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { expectNoLeaks, pair, refusal } from './dealer-harness.js';

describe('a session that ends while it is being sent to', () => {
  it('as callee, by its INVOCATION: the caller gets one ERROR (G3)', () => {
    for (const nodeCount of [1, 2]) {
      const { harness, caller, callee } = pair(nodeCount);
      callee.registered('com.a');
      callee.onMessage = () => callee.leave();
      const request = caller.call('com.a');
      expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.CANCELED)]);
      expectNoLeaks(harness, true);
    }
  });

  it('as caller, by a progressive RESULT: the callee is interrupted (PCR-7, G7)', () => {
    for (const nodeCount of [1, 2]) {
      const { harness, caller, callee } = pair(nodeCount);
      callee.registered('com.a');
      caller.call('com.a', { receiveProgress: true });
      callee.take();
      caller.onMessage = () => caller.leave();
      callee.yield(1, [], { progress: true });
      expect(callee.take()).toEqual([[Code.INTERRUPT, 1, { mode: 'killnowait' }]]);
      expectNoLeaks(harness, true);
    }
  });

  it('as caller, by a chunk that cannot be sent either: the call ends once (G3)', () => {
    const { harness, caller, callee } = pair(1);
    callee.registered('com.a');
    caller.call('com.a', { receiveProgress: true });
    harness.nodes[0]!.outlet.refuseSend = (to, message) => {
      if (message[0] !== Code.RESULT || to !== caller.peer) return undefined;
      caller.leave();
      return fault(ErrorUri.INVALID_ARGUMENT, 'cannot be encoded, and too much');
    };
    callee.yield(1, [], { progress: true });
    expect(harness.nodes[0]!.outcomes()).toEqual(['caller_left']);
    expectNoLeaks(harness, true);
  });

  it('as callee, by the INTERRUPT of a caller that leaves: each call ends once', () => {
    const { harness, caller, callee } = pair(1);
    callee.registered('com.a');
    caller.call('com.a');
    caller.call('com.a');
    callee.onMessage = (message) => {
      if (message[0] === Code.INTERRUPT) callee.leave();
    };
    caller.leave();
    expect(harness.nodes[0]!.outcomes()).toHaveLength(2);
    expectNoLeaks(harness);
  });

  it('as callee, by its REGISTERED: nothing stays registered', () => {
    const { harness, caller, callee } = pair(1);
    callee.onMessage = () => callee.leave();
    callee.register('com.a');
    expect(caller.call('com.a')).toBe(1);
    expect(caller.take()).toEqual([refusal(Code.CALL, 1, ErrorUri.NO_SUCH_PROCEDURE)]);
    caller.leave();
    expectNoLeaks(harness);
  });
});
