import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { codesOf, DealerHarness, expectNoLeaks, pair, refusal } from './dealer-harness.js';

const [CALLERS, CALLEES] = [0, 1] as const;

/** A caller on one node, callees on another; nothing moves by itself. */
function apart() {
  const harness = new DealerHarness(2, { isManual: true });
  const [near, far] = [harness.nodes[CALLERS]!, harness.nodes[CALLEES]!];
  return { harness, near, far, caller: harness.session(CALLERS) };
}

it.each([
  { invoke: 'first', leaver: 0, next: 1 },
  { invoke: 'last', leaver: 2, next: 1 },
] as const)(
  '$invoke: a call that was sent to one that had left goes to its neighbour, also when the row comes in between (RRT-1, SHR-7)',
  ({ invoke, leaver, next }) => {
    const { harness, near, far, caller } = apart();
    const callees = [0, 1, 2].map(() => harness.session(CALLEES));
    const ids = callees.map((callee) => callee.registered('com.a', { invoke }));
    callees[leaver]!.unregister(ids[leaver]!);
    for (const callee of callees) callee.take();
    caller.call('com.a');
    expect(far.receiveOne(near.id)).toBe(true);
    expect(near.applyOne()).toBe(true);
    harness.flush();
    expect(callees.map((callee) => codesOf(callee.take()))).toEqual(
      callees.map((_, index) => (index === next ? [Code.INVOCATION] : [])),
    );
    callees[next]!.yield(1);
    harness.flush();
    expectNoLeaks(harness, true);
  },
);

it.each(['first', 'last'] as const)(
  '%s: everyone is asked before a call is refused, also who joined meanwhile (RRT-2)',
  (invoke) => {
    const { harness, near, far, caller } = apart();
    const callees = [0, 1, 2].map(() => harness.session(CALLEES));
    for (const callee of callees) callee.registered('com.a', { invoke });
    const request = caller.call('com.a');
    const asked: number[] = [];
    for (let step = 0; step < 4; step++) {
      far.receiveOne(near.id);
      const index = callees.findIndex((callee) => callee.take().some(([code]) => code === Code.INVOCATION));
      asked.push(index);
      if (step === 1) {
        const joined = harness.session(CALLEES);
        joined.registered('com.a', { invoke });
        callees.push(joined);
      }
      callees[index]!.error(1, ErrorUri.UNAVAILABLE);
      near.receiveOne(far.id);
    }
    expect(asked).toEqual(invoke === 'first' ? [0, 1, 2, 3] : [2, 1, 3, 0]);
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_AVAILABLE_CALLEE)]);
  },
);

it('goes to the next best registration when the best was given back and the row is still under way (PBR-4, G2)', () => {
  const { harness, near, far, caller } = apart();
  const patterns = [
    ['com.a.b', 'exact'],
    ['com.a.', 'prefix'],
    ['com.', 'prefix'],
    ['com..b', 'wildcard'],
  ] as const;
  const callee = harness.session(CALLEES);
  const ids = patterns.map(([uri, match]) => callee.registered(uri, { match }));
  callee.unregister(ids[0]!);
  callee.unregister(ids[1]!);
  callee.take();
  const request = caller.call('com.a.b', {}, ['x']);
  while (far.receiveOne(near.id) || near.receiveOne(far.id)) continue;
  expect(callee.take()).toEqual([[Code.INVOCATION, 1, ids[2], { procedure: 'com.a.b' }, ['x']]]);
  callee.yield(1);
  harness.flush();
  expect(caller.take()).toEqual([[Code.RESULT, request, {}]]);
  // Nothing was forgotten on the way: the rows that were passed over are put right by what comes later.
  const back = callee.registered('com.a.b');
  caller.call('com.a.b');
  harness.flush();
  expect(callee.take()).toEqual([[Code.INVOCATION, 2, back, {}]]);
  callee.yield(2);
  harness.flush();
  expectNoLeaks(harness, true);
});

it('answers no_such_procedure when every registration that matches was given back (DLR-6)', () => {
  const { harness, near, far, caller } = apart();
  const callee = harness.session(CALLEES);
  const ids = (['exact', 'prefix', 'wildcard'] as const).map((match) => callee.registered('com.a', { match }));
  for (const id of ids) callee.unregister(id);
  const request = caller.call('com.a');
  while (far.receiveOne(near.id) || near.receiveOne(far.id)) continue;
  expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE)]);
  harness.flush();
  expectNoLeaks(harness, true);
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
    while (harness.nodes[0]!.applyOne()) continue;
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
    while (harness.nodes[0]!.applyOne()) continue;
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
    while (harness.nodes[1]!.applyOne()) continue;
    caller.call('com.a');
    harness.nodes[1]!.receiveOne(harness.nodes[0]!.id);
    harness.flush();
    expect(codesOf(callee.take())).toEqual([Code.INVOCATION, Code.UNREGISTERED]);
    expect(codesOf(successor.take())).toEqual([Code.REGISTERED]);
  });
});
