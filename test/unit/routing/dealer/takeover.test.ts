import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import type { RegistrationId } from '../../../../src/wamp/ids.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { codesOf, expectNoLeaks, pair, refusal } from './dealer-harness.js';
import type { TestSession } from './test-session.js';

describe('a procedure that is being taken over by force', () => {
  /** Every node has applied the row of a REGISTER with force, but the successor has not received REGISTERED yet. */
  function beingTaken(): ReturnType<typeof pair> & { old: TestSession; id: RegistrationId; finish: () => void } {
    const all = pair(2, { isManual: true });
    const old = all.harness.session(0);
    const id = old.registered('com.a');
    all.callee.register('com.a', { forceReregister: true });
    const decisions = all.harness.takeDecisions();
    const finish = (): void => {
      for (const decide of decisions) decide();
    };
    return { ...all, old, id, finish };
  }

  it('is its holder\u2019s until the successor is REGISTERED, who then has it (ORD-4, REV-1)', () => {
    const { harness, caller, callee, old, id, finish } = beingTaken();
    const request = caller.call('com.a');
    harness.flush();
    expect([codesOf(old.take()), callee.take()]).toEqual([[Code.INVOCATION], []]);
    finish();
    // Every node has the successor in its mirror, and none has removed the holder yet.
    caller.call('com.a');
    while (harness.nodes[1]!.receiveOne(harness.nodes[0]!.id)) continue;
    expect(codesOf(callee.take())).toEqual([Code.REGISTERED, Code.INVOCATION]);
    harness.flush();
    expect(old.take()).toEqual([[Code.UNREGISTERED, 0, { registration: id, reason: expect.any(String) }]]);
    old.yield(1);
    harness.flush();
    expect(caller.take()).toEqual([[Code.RESULT, request, {}]]);
    callee.yield(1);
    harness.flush();
    expectNoLeaks(harness, true);
  });

  it('stays with its holder, who is notified of nothing, when the successor leaves or dies', () => {
    for (const end of ['leaves', 'dies']) {
      const { harness, caller, callee, old, finish } = beingTaken();
      if (end === 'leaves') callee.leave();
      else harness.kill(1);
      harness.flush();
      finish();
      harness.flush();
      caller.call('com.a');
      harness.flush();
      expect(codesOf(old.take())).toEqual([Code.INVOCATION]);
    }
  });

  it('goes to the successor when the holder leaves first', () => {
    const { harness, caller, callee, old, finish } = beingTaken();
    old.leave();
    harness.flush();
    const early = caller.call('com.a');
    harness.flush();
    expect(caller.take()).toEqual([refusal(Code.CALL, early, ErrorUri.NO_SUCH_PROCEDURE)]);
    finish();
    caller.call('com.a');
    harness.flush();
    expect(codesOf(callee.take())).toEqual([Code.REGISTERED, Code.INVOCATION]);
  });

  it('never has nobody: a call that was too early for the one and too late for the other is brought back', () => {
    const { harness, caller, callee, old, finish } = beingTaken();
    caller.call('com.a');
    // The successor rejects the call, and receives REGISTERED before the rejection arrives.
    harness.nodes[1]!.receiveOne(harness.nodes[0]!.id);
    finish();
    while (harness.nodes[0]!.applyOne()) continue;
    harness.flush();
    expect(codesOf(callee.take())).toEqual([Code.REGISTERED, Code.INVOCATION]);
    expect(codesOf(old.take())).toEqual([Code.UNREGISTERED]);
  });

  it('may be taken over again meanwhile: the last has it (REV-1)', () => {
    const { harness, caller, callee, old, finish } = beingTaken();
    const last = harness.session(0);
    last.register('com.a', { forceReregister: true });
    const decisions = harness.takeDecisions();
    finish();
    harness.flush();
    caller.call('com.a');
    harness.flush();
    expect(codesOf(callee.take())).toEqual([Code.REGISTERED, Code.INVOCATION]);
    for (const decide of decisions) decide();
    caller.call('com.a');
    harness.flush();
    expect(codesOf(last.take())).toEqual([Code.REGISTERED, Code.INVOCATION]);
    expect(codesOf(callee.take())).toEqual([Code.UNREGISTERED]);
    expect(codesOf(old.take())).toEqual([Code.UNREGISTERED]);
  });
});
