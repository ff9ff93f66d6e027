import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { payloadOfBytes } from '../../../support/payloads.js';
import { codesOf, expectNoLeaks, pair, refusal } from './dealer-harness.js';
import type { TestSession } from './test-session.js';

/** Every node has applied the row of a REGISTER, but the callee has not received REGISTERED yet. */
function halfRegistered(): ReturnType<typeof pair> & { finish: () => void; other: TestSession } {
  const all = pair(2, { isManual: true });
  const other = all.harness.session(1);
  all.callee.register('com.a');
  const decisions = all.harness.takeDecisions();
  expect(all.callee.take()).toEqual([]);
  return {
    ...all,
    other,
    finish: () => {
      for (const decide of decisions) decide();
      all.harness.flush();
    },
  };
}

describe('an invoke that comes before REGISTERED', () => {
  it('is answered no_such_procedure at once, and found when it is made again behind REGISTERED (ORD-4, G2)', () => {
    const { harness, caller, callee, finish } = halfRegistered();
    const early = caller.call('com.a');
    harness.flush();
    expect(caller.take()).toEqual([refusal(Code.CALL, early, ErrorUri.NO_SUCH_PROCEDURE)]);
    finish();
    expect(codesOf(callee.take())).toEqual([Code.REGISTERED]);
    const request = caller.call('com.a');
    harness.flush();
    callee.yield(1);
    harness.flush();
    expect(caller.take()).toEqual([[Code.RESULT, request, {}]]);
    expectNoLeaks(harness, true);
  });

  it('keeps nothing of its caller waiting, nor of others (ORD-3)', () => {
    const all = pair(2, { isManual: true });
    const { harness, caller, callee } = all;
    const other = harness.session(0);
    callee.registered('com.known');
    callee.register('com.new');
    const waiting = harness.takeDecisions();
    caller.call('com.new', {}, [1]);
    caller.call('com.known', {}, [2]);
    other.call('com.known', {}, [3]);
    caller.call('com.known', {}, [4]);
    harness.flush();
    expect(callee.take().map((invocation) => invocation[4])).toEqual([[2], [3], [4]]);
    for (const decide of waiting) decide();
    harness.flush();
    expect(codesOf(callee.take())).toEqual([Code.REGISTERED]);
  });

  it('goes on to another callee of the procedure (SHR-7)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    const other = harness.session(0);
    other.registered('com.a', { invoke: 'last' });
    callee.register('com.a', { invoke: 'last' });
    const waiting = harness.takeDecisions();
    caller.call('com.a', {}, ['kept']);
    harness.flush();
    expect(other.take().map((invocation) => invocation[4])).toEqual([['kept']]);
    for (const decide of waiting) decide();
    harness.flush();
    caller.call('com.a', {}, ['next']);
    harness.flush();
    expect(callee.take().map((message) => message[4])).toEqual([undefined, ['next']]);
  });

  it('is answered no_available_callee where the next callee has left: this one may have REGISTERED by then (RRT-2, G2)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    const other = harness.session(1);
    other.registered('com.a', { invoke: 'last' });
    callee.register('com.a', { invoke: 'last' });
    const waiting = harness.takeDecisions();
    const request = caller.call('com.a');
    const [near, far] = harness.nodes;
    // The call comes to the callee without REGISTERED, and its refusal back; then the callee has it, and the other leaves.
    while (far!.receiveOne(near!.id)) continue;
    for (const decide of waiting) decide();
    expect(codesOf(callee.take())).toEqual([Code.REGISTERED]);
    other.leave();
    harness.flush();
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_AVAILABLE_CALLEE)]);
    expect(callee.take()).toEqual([]);
    const again = caller.call('com.a');
    harness.flush();
    callee.yield(1);
    harness.flush();
    expect(caller.take()).toEqual([[Code.RESULT, again, {}]]);
    expectNoLeaks(harness, true);
  });

  it('is answered no_such_procedure where no callee of the procedure has had REGISTERED (DLR-6)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    for (const session of [callee, harness.session(1)]) session.register('com.a', { invoke: 'first' });
    harness.takeDecisions();
    const request = caller.call('com.a');
    harness.flush();
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE)]);
  });

  it('goes on to what matches without it (PBR-4)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    const general = harness.session(1);
    general.registered('com', { match: 'prefix' });
    callee.register('com.a');
    harness.takeDecisions();
    caller.call('com.a');
    harness.flush();
    expect(codesOf(general.take())).toEqual([Code.INVOCATION]);
  });

  it('does not make a large registration pass its callee over once it has REGISTERED (G2)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    const others = Array.from({ length: 20 }, () => harness.session(1));
    for (const other of others) other.registered('com.a', { invoke: 'last' });
    callee.register('com.a', { invoke: 'last' });
    const waiting = harness.takeDecisions();
    caller.call('com.a');
    harness.flush();
    expect(codesOf(others.at(-1)!.take())).toEqual([Code.INVOCATION]);
    for (const decide of waiting) decide();
    harness.flush();
    caller.call('com.a');
    harness.flush();
    expect(codesOf(callee.take())).toEqual([Code.REGISTERED, Code.INVOCATION]);
  });

  it('is answered no_available_callee when it is too large, or has gone too far, for another (RRT-3)', () => {
    const { harness, caller, callee, finish } = halfRegistered();
    const large = caller.callWith('com.a', payloadOfBytes(20_000));
    const chunked = caller.call('com.a', { progress: true });
    caller.continueCall(chunked, 'com.a');
    harness.flush();
    expect(caller.take()).toEqual([
      refusal(Code.CALL, large, ErrorUri.NO_AVAILABLE_CALLEE),
      refusal(Code.CALL, chunked, ErrorUri.NO_AVAILABLE_CALLEE),
    ]);
    finish();
    expect(codesOf(callee.take())).toEqual([Code.REGISTERED]);
    expectNoLeaks(harness, true);
  });

  it('is answered no_such_procedure when the callee leaves instead (DLR-6)', () => {
    const { harness, caller, callee, finish } = halfRegistered();
    callee.leave();
    const request = caller.call('com.a');
    harness.flush();
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE)]);
    finish();
    expectNoLeaks(harness, true);
    expect(harness.nodes[1]!.dealer.sizes()).toMatchObject({ registrations: 0, callees: 0 });
  });
});
