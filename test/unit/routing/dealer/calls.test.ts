import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { DealerHarness, expectNoLeaks, pair, refusal, TOPOLOGIES } from './dealer-harness.js';

describe.each(TOPOLOGIES)('calls, $name', ({ nodeCount }) => {
  it('brings a CALL to its callee and the YIELD back, payload unchanged (DLR-5, MSG-8)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    const registration = callee.registered('com.a');
    const request = caller.call('com.a', {}, ['in', 1]);
    expect(callee.take()).toEqual([[Code.INVOCATION, 1, registration, {}, ['in', 1]]]);
    callee.yield(1, ['out']);
    expect(caller.take()).toEqual([[Code.RESULT, request, {}, ['out']]]);
    expect(harness.nodes[0]!.outcomes()).toEqual(['result']);
    expectNoLeaks(harness, true);
  });

  it('adds no payload where there was none (MSG-8)', () => {
    const { caller, callee } = pair(nodeCount);
    const registration = callee.registered('com.a');
    caller.call('com.a');
    expect(callee.take()).toEqual([[Code.INVOCATION, 1, registration, {}]]);
    callee.yield(1);
    expect(caller.take()).toEqual([[Code.RESULT, 1, {}]]);
  });

  it('lets a session call what it registered itself (DLR-5)', () => {
    const harness = new DealerHarness(nodeCount);
    const both = harness.session(0);
    both.registered('com.a');
    const request = both.call('com.a');
    expect(both.take()).toEqual([[Code.INVOCATION, 1, expect.any(Number), {}]]);
    both.yield(1);
    expect(both.take()).toEqual([[Code.RESULT, request, {}]]);
    both.call('com.a');
    both.leave();
    expect(harness.nodes[0]!.outcomes()).toEqual(['result', 'caller_left']);
    expectNoLeaks(harness);
  });

  it('keeps many calls apart, answered in any order (DLR-5)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    const requests = [1, 2, 3].map((value) => caller.call('com.a', {}, [value]));
    expect(callee.take().map((invocation) => invocation[1])).toEqual([1, 2, 3]);
    for (const id of [2, 3, 1]) callee.yield(id, [id]);
    expect(caller.take().map((result) => [result[1], result[3]])).toEqual([
      [requests[1], [2]],
      [requests[2], [3]],
      [requests[0], [1]],
    ]);
  });

  it('forwards the ERROR of the callee word for word (DLR-7)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    const request = caller.call('com.a');
    callee.error(1, 'com.app.error', ['why', { deep: [1] }]);
    expect(caller.take()).toEqual([[Code.ERROR, Code.CALL, request, {}, 'com.app.error', ['why', { deep: [1] }]]]);
    expect(harness.nodes[0]!.outcomes()).toEqual(['error']);
    expectNoLeaks(harness, true);
  });

  it('answers no_such_procedure when nobody has registered it (DLR-6, PBR-4)', () => {
    const { harness, caller } = pair(nodeCount);
    const request = caller.call('com.a');
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE)]);
    expect(harness.nodes[0]!.outcomes()).toEqual(['refused']);
  });

  it('answers network_failure instead while others may register without its knowledge (G6)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    const id = callee.registered('com.b');
    callee.unregister(id);
    harness.nodes[0]!.outlet.isIsolated = true;
    const requests = ['com.a', 'com.b'].map((procedure) => caller.call(procedure));
    expect(caller.take()).toEqual(requests.map((request) => refusal(Code.CALL, request, ErrorUri.NETWORK_FAILURE)));
  });

  it('answers no_such_procedure when the only callee has left (DLR-6)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    callee.leave();
    const request = caller.call('com.a');
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE)]);
  });

  it('counts invocations per callee session from 1, whatever was called (ID-4)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    const other = harness.session(nodeCount - 1);
    callee.registered('com.a');
    callee.registered('com.b');
    other.registered('com.c');
    for (const procedure of ['com.a', 'com.c', 'com.b', 'com.a', 'com.c']) caller.call(procedure);
    expect(callee.take().map((invocation) => invocation[1])).toEqual([1, 2, 3]);
    expect(other.take().map((invocation) => invocation[1])).toEqual([1, 2]);
  });

  it('keeps the order of calls between a caller and a callee across procedures (ORD-3)', () => {
    const { harness, caller, callee } = pair(nodeCount, { isManual: true });
    const procedures = ['com.a', 'com.b', 'com.c'];
    for (const procedure of procedures) callee.registered(procedure);
    for (let index = 0; index < 9; index++) caller.call(procedures[index % 3]!, {}, [index]);
    harness.flush();
    expect(callee.take().map((invocation) => (invocation[4] as number[])[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('serves the calls in flight after UNREGISTER (DLR-3)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    const registration = callee.registered('com.a');
    const request = caller.call('com.a');
    callee.unregister(registration);
    callee.take();
    callee.yield(1, ['late but welcome']);
    expect(caller.take()).toEqual([[Code.RESULT, request, {}, ['late but welcome']]]);
    expectNoLeaks(harness, true);
  });

  it('aborts a session that answers an invocation it was never sent (PV-4, DLR-10, X-8)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    const request = caller.call('com.a');
    callee.yield(2);
    expect(callee.isOpen).toBe(false);
    expect(harness.nodes[nodeCount - 1]!.violations).toMatchObject([{ error: ErrorUri.PROTOCOL_VIOLATION }]);
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.CANCELED)]);
  });

  it('aborts a session that is no callee at all and sends ERROR for an invocation (PV-4)', () => {
    const { harness, caller } = pair(nodeCount);
    caller.error(1, 'com.app.error');
    expect(caller.isOpen).toBe(false);
    expect(harness.nodes[0]!.violations).toHaveLength(1);
  });

  it('aborts a session that answers the invocation of another, which stays open (DLR-9)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    const other = harness.session(nodeCount - 1);
    callee.registered('com.a');
    other.registered('com.b');
    const request = caller.call('com.a');
    other.yield(1, ['stolen']);
    expect(other.isOpen).toBe(false);
    callee.yield(1, ['mine']);
    expect(caller.take()).toEqual([[Code.RESULT, request, {}, ['mine']]]);
  });

  it('discards and counts a second answer to one invocation (DLR-8, DLR-10)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    caller.call('com.a');
    callee.yield(1, ['first']);
    callee.yield(1, ['second']);
    callee.error(1, 'com.app.error');
    expect(callee.isOpen).toBe(true);
    expect(caller.take()).toEqual([[Code.RESULT, 1, {}, ['first']]]);
    expect(harness.nodes[nodeCount - 1]!.counted('late_yield')).toBe(2);
  });

  it('interrupts the callee when the caller leaves, and discards its answer (DLR-11)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    caller.call('com.a');
    callee.take();
    caller.leave();
    expect(callee.take()).toEqual([[Code.INTERRUPT, 1, { mode: 'killnowait' }]]);
    callee.yield(1);
    expect(callee.isOpen).toBe(true);
    expect(harness.nodes[0]!.outcomes()).toEqual(['caller_left']);
    expectNoLeaks(harness, true);
  });

  it('sends no INTERRUPT to a callee that did not announce call_canceling (DLR-11)', () => {
    const { harness, caller, callee } = pair(nodeCount, { callee: [] });
    callee.registered('com.a');
    caller.call('com.a');
    callee.take();
    caller.leave();
    callee.yield(1);
    expect(callee.take()).toEqual([]);
    expect(callee.isOpen).toBe(true);
    expectNoLeaks(harness, true);
  });

  it('answers canceled when the callee leaves during the call (DLR-12, X-1)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    const request = caller.call('com.a');
    callee.leave();
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.CANCELED)]);
    expect(harness.nodes[0]!.outcomes()).toEqual(['callee_lost']);
    expectNoLeaks(harness, true);
  });

  it('bounds pending calls per session and names the setting', () => {
    const { caller, callee } = pair(nodeCount, { limits: { maxPendingCallsPerSession: 2 } });
    callee.registered('com.a');
    caller.call('com.a');
    caller.call('com.a');
    const request = caller.call('com.a');
    const [reply] = caller.take();
    expect(reply).toEqual(refusal(Code.CALL, request, ErrorUri.LIMIT_EXCEEDED));
    expect(reply![5]).toEqual([expect.stringContaining('maxPendingCallsPerSession')]);
    callee.yield(1);
    caller.call('com.a');
    expect(caller.take()).toEqual([[Code.RESULT, 1, {}]]);
  });

  it('reports how long a call took', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    caller.call('com.a');
    harness.nodes[0]!.outlet.advance(250);
    callee.yield(1);
    expect(harness.nodes[0]!.outlet.recorded).toContainEqual({ verb: 'callEnded', outcome: 'result', elapsedMs: 250 });
  });
});

describe.each(TOPOLOGIES)('caller identification, $name', ({ nodeCount }) => {
  it('discloses the caller when it may (CID-1)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    caller.call('com.a', { discloseMe: true }, [], true);
    const { session, authid, authrole } = caller.peer;
    expect(callee.take()[0]![3]).toEqual({ caller: session, caller_authid: authid, caller_authrole: authrole });
  });

  it('discloses by configuration, unasked (CID-2)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    caller.call('com.a', {}, [], true);
    expect(callee.take()[0]![3]).toMatchObject({ caller: caller.id });
  });

  it('discloses every caller to a callee that was promised it (CID-3)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.a', { discloseCaller: true });
    caller.call('com.a');
    expect(callee.take()[0]![3]).toMatchObject({ caller: caller.id });
  });

  it('discloses to each callee of a shared procedure only what it may know (CID-4)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    const other = harness.session(0);
    callee.registered('com.a', { invoke: 'roundrobin', discloseCaller: true });
    other.registered('com.a', { invoke: 'roundrobin' });
    caller.call('com.a');
    caller.call('com.a');
    expect(callee.take()[0]![3]).toMatchObject({ caller: caller.id });
    expect(other.take()[0]![3]).toEqual({});
  });
});
