import { describe, expect, it } from 'vitest';
import { NO_PAYLOAD } from '../../../../src/codec/payload.js';
import { Code } from '../../../../src/wamp/codes.js';
import { fault } from '../../../../src/wamp/faults.js';
import type { NodeId, RegistrationId } from '../../../../src/wamp/ids.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { payloadOfBytes } from '../../../support/payloads.js';
import { DealerHarness, expectNoLeaks, pair, refusal, type TestSession } from './dealer-harness.js';

const codes = (messages: unknown[][]): unknown[] => messages.map(([code]) => code);

/** REGISTER was sent and every node knows the row, but the callee has no REGISTERED yet. */
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
    expect(codes(callee.take())).toEqual([Code.REGISTERED]);
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
    expect(codes(callee.take())).toEqual([Code.REGISTERED]);
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

  it('goes on to what matches without it (PBR-4)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    const general = harness.session(1);
    general.registered('com', { match: 'prefix' });
    callee.register('com.a');
    harness.takeDecisions();
    caller.call('com.a');
    harness.flush();
    expect(codes(general.take())).toEqual([Code.INVOCATION]);
  });

  it('does not make a large registration pass its callee over once it has REGISTERED (G2)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    const others = Array.from({ length: 20 }, () => harness.session(1));
    for (const other of others) other.registered('com.a', { invoke: 'last' });
    callee.register('com.a', { invoke: 'last' });
    const waiting = harness.takeDecisions();
    caller.call('com.a');
    harness.flush();
    expect(codes(others.at(-1)!.take())).toEqual([Code.INVOCATION]);
    for (const decide of waiting) decide();
    harness.flush();
    caller.call('com.a');
    harness.flush();
    expect(codes(callee.take())).toEqual([Code.REGISTERED, Code.INVOCATION]);
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
    expect(codes(callee.take())).toEqual([Code.REGISTERED]);
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

describe('a procedure that is being taken over by force', () => {
  /** REGISTER with force was sent and every node knows, but the successor has no REGISTERED yet. */
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
    expect([codes(old.take()), callee.take()]).toEqual([[Code.INVOCATION], []]);
    finish();
    // Every node knows of the successor, before any knows that the holder has lost it.
    caller.call('com.a');
    while (harness.nodes[1]!.receiveOne(harness.nodes[0]!.id)) continue;
    expect(codes(callee.take())).toEqual([Code.REGISTERED, Code.INVOCATION]);
    harness.flush();
    expect(old.take()).toEqual([[Code.UNREGISTERED, 0, { registration: id, reason: expect.any(String) }]]);
    old.yield(1);
    harness.flush();
    expect(caller.take()).toEqual([[Code.RESULT, request, {}]]);
    callee.yield(1);
    harness.flush();
    expectNoLeaks(harness, true);
  });

  it('stays with its holder, who hears of nothing, when the successor leaves or dies', () => {
    for (const end of ['leaves', 'dies']) {
      const { harness, caller, callee, old, finish } = beingTaken();
      if (end === 'leaves') callee.leave();
      else harness.kill(1);
      harness.flush();
      finish();
      harness.flush();
      caller.call('com.a');
      harness.flush();
      expect(codes(old.take())).toEqual([Code.INVOCATION]);
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
    expect(codes(callee.take())).toEqual([Code.REGISTERED, Code.INVOCATION]);
  });

  it('never has nobody: a call that was too early for the one and too late for the other is brought back', () => {
    const { harness, caller, callee, old, finish } = beingTaken();
    caller.call('com.a');
    // The successor refuses it, and is REGISTERED before the refusal arrives; the holder\u2019s node hears of that first.
    harness.nodes[1]!.receiveOne(harness.nodes[0]!.id);
    finish();
    while (harness.nodes[0]!.hearOne()) continue;
    harness.flush();
    expect(codes(callee.take())).toEqual([Code.REGISTERED, Code.INVOCATION]);
    expect(codes(old.take())).toEqual([Code.UNREGISTERED]);
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
    expect(codes(callee.take())).toEqual([Code.REGISTERED, Code.INVOCATION]);
    for (const decide of decisions) decide();
    caller.call('com.a');
    harness.flush();
    expect(codes(last.take())).toEqual([Code.REGISTERED, Code.INVOCATION]);
    expect(codes(callee.take())).toEqual([Code.UNREGISTERED]);
    expect(codes(old.take())).toEqual([Code.UNREGISTERED]);
  });
});

describe('a mirror that is behind', () => {
  it('tries the next callee when the chosen one has unregistered (SHR-7)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    const other = harness.session(0);
    const registration = callee.registered('com.a', { invoke: 'first' });
    other.registered('com.a', { invoke: 'first' });
    callee.unregister(registration);
    callee.take();
    const request = caller.call('com.a', {}, ['kept']);
    harness.flush();
    expect(callee.take()).toEqual([]);
    expect(other.take()).toEqual([[Code.INVOCATION, 1, registration, {}, ['kept']]]);
    other.yield(1);
    harness.flush();
    expect(caller.take()).toEqual([[Code.RESULT, request, {}]]);
  });

  it('answers no_such_procedure when it was the only one (DLR-6)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    callee.registered('com.a');
    callee.leave();
    const request = caller.call('com.a');
    harness.flush();
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE)]);
    expectNoLeaks(harness, true);
  });

  it('falls to the pattern behind a registration that has gone meanwhile (SHR-7, PBR-4)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    const general = harness.session(1);
    callee.registered('com.a');
    general.registered('com', { match: 'prefix' });
    callee.leave();
    caller.call('com.a');
    harness.nodes[1]!.receiveOne(harness.nodes[0]!.id);
    while (harness.nodes[0]!.hearOne()) continue;
    harness.flush();
    expect(general.take()).toEqual([[Code.INVOCATION, 1, expect.any(Number), { procedure: 'com.a' }]]);
  });

  it('falls to the pattern of the same callee too, when only the exact registration has gone (SHR-7)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    const exact = callee.registered('com.a');
    callee.registered('com', { match: 'prefix' });
    callee.unregister(exact);
    callee.take();
    caller.call('com.a');
    harness.nodes[1]!.receiveOne(harness.nodes[0]!.id);
    while (harness.nodes[0]!.hearOne()) continue;
    harness.flush();
    expect(callee.take()).toEqual([[Code.INVOCATION, 1, expect.any(Number), { procedure: 'com.a' }]]);
  });

  it('answers no_available_callee when one callee was busy, even if another had gone (RRT-2)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    const busy = harness.session(1);
    busy.registered('com.a', { invoke: 'first', concurrency: 1 });
    callee.registered('com.a', { invoke: 'first' });
    caller.call('com.a');
    harness.flush();
    callee.leave();
    const request = caller.call('com.a');
    harness.nodes[1]!.receiveOne(harness.nodes[0]!.id);
    harness.nodes[0]!.receiveOne(harness.nodes[1]!.id);
    harness.flush();
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_AVAILABLE_CALLEE)]);
  });

  it('leads to the holder of a procedure that is being taken over, who has it still (SHR-7)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    const successor = harness.session(1);
    callee.registered('com.a');
    successor.register('com.a', { forceReregister: true });
    // The callee's node knows, the caller's node does not yet.
    while (harness.nodes[1]!.hearOne()) continue;
    caller.call('com.a');
    harness.nodes[1]!.receiveOne(harness.nodes[0]!.id);
    harness.flush();
    expect(codes(callee.take())).toEqual([Code.INVOCATION, Code.UNREGISTERED]);
    expect(codes(successor.take())).toEqual([Code.REGISTERED]);
  });
});

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

  it('takes its callees out of the mirror, whatever rows say that are late (G3)', () => {
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
    expect(codes(callee.take())).toEqual([Code.INVOCATION]);
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
    // Node 1 misses something of node 0: its invocations from there and its own calls to there end.
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
    expect(harness.nodes[0]!.told()).toEqual([]);
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
    const [first] = harness.nodes[1]!.told();
    harness.flush();
    harness.nodes[0]!.dealer.receive(harness.nodes[1]!.id, { ...first!, kind: 'failure' } as never);
    expect(harness.nodes[0]!.counted('late_frame')).toBe(1);
    expect(caller.take()).toEqual([]);
    other.yield(1, ['served']);
    harness.flush();
    expect(caller.take()).toEqual([[Code.RESULT, 1, {}, ['served']]]);
  });
});

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
      return fault(ErrorUri.INVALID_ARGUMENT, 'cannot be said, and too much');
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
