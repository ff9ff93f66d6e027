import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import type { FeatureKey } from '../../../../src/wamp/features.js';
import type { InvocationPolicy } from '../../../../src/wamp/options.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { ALL_FEATURES, DealerHarness, expectNoLeaks, refusal, TOPOLOGIES, type TestSession } from './dealer-harness.js';

describe.each(TOPOLOGIES)('shared registrations, $name', ({ nodeCount }) => {
  interface Shared {
    readonly harness: DealerHarness;
    readonly caller: TestSession;
    readonly callees: TestSession[];
    /** Which callees got an INVOCATION since the last time, in order. */
    readonly served: () => number[];
  }

  function shared(
    invoke: InvocationPolicy,
    count: number,
    options: { concurrency?: number; features?: readonly FeatureKey[] } = {},
  ): Shared {
    const harness = new DealerHarness(nodeCount);
    const caller = harness.session(0);
    const order: number[] = [];
    const callees = Array.from({ length: count }, (_, index) => {
      const callee = harness.session(index % nodeCount, options.features);
      const { concurrency } = options;
      callee.registered('com.a', concurrency === undefined ? { invoke } : { invoke, concurrency });
      callee.onMessage = (message) => {
        if (message[0] === Code.INVOCATION) order.push(index);
      };
      return callee;
    });
    return { harness, caller, callees, served: () => order.splice(0) };
  }

  function call(caller: TestSession, times: number): void {
    for (let index = 0; index < times; index++) caller.call('com.a');
  }

  it('roundrobin: callees in order of registration, wrapping (SHR-3)', () => {
    const { caller, served } = shared('roundrobin', 3);
    call(caller, 7);
    expect(served()).toEqual([0, 1, 2, 0, 1, 2, 0]);
  });

  it('first and last: the earliest and the latest still registered (SHR-3)', () => {
    const first = shared('first', 3);
    call(first.caller, 2);
    first.callees[0]!.leave();
    call(first.caller, 2);
    expect(first.served()).toEqual([0, 0, 1, 1]);

    const last = shared('last', 3);
    call(last.caller, 2);
    last.callees[2]!.leave();
    call(last.caller, 2);
    expect(last.served()).toEqual([2, 2, 1, 1]);
  });

  it('random: as chance says, over all callees (SHR-3)', () => {
    const { harness, caller, served } = shared('random', 4);
    harness.nodes[0]!.outlet.randoms = [0, 0.25, 0.5, 0.75, 0.999_999, 0.3];
    call(caller, 6);
    expect(served()).toEqual([0, 1, 2, 3, 3, 1]);
  });

  it.each([
    { leaver: 0, before: 1, expected: [1, 2, 1, 2] },
    { leaver: 1, before: 1, expected: [2, 0, 2, 0] },
    { leaver: 0, before: 2, expected: [2, 1, 2, 1] },
    { leaver: 2, before: 3, expected: [0, 1, 0, 1] },
    { leaver: 1, before: 0, expected: [0, 2, 0, 2] },
  ])('roundrobin: nobody is skipped when callee $leaver leaves after $before calls (SHR-5)', (step) => {
    const { caller, callees, served } = shared('roundrobin', 3);
    call(caller, step.before);
    served();
    callees[step.leaver]!.leave();
    call(caller, 4);
    expect(served()).toEqual(step.expected);
  });

  it('roundrobin: a callee that joins gets its turn before the first one comes again (SHR-5)', () => {
    const { harness, caller, callees, served } = shared('roundrobin', 2);
    call(caller, 2);
    const joined = harness.session(0);
    joined.registered('com.a', { invoke: 'roundrobin' });
    call(caller, 1);
    expect(joined.take()).toHaveLength(1);
    call(caller, 1);
    expect(served()).toEqual([0, 1, 0]);
    expect(callees).toHaveLength(2);
  });

  it('deletes the registration with its last callee and leaves no ghosts (SHR-4, SHR-5)', () => {
    const { harness, caller, callees } = shared('roundrobin', 3);
    for (const callee of callees) callee.leave();
    const request = caller.call('com.a');
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE)]);
    caller.leave();
    expectNoLeaks(harness);
    harness.session(0).registered('com.a', { invoke: 'single' });
  });

  describe('concurrency', () => {
    it('goes to the next callee while one is at its bound, then says that all are (SHR, Crossbar.io)', () => {
      const { harness, caller, callees, served } = shared('first', 2, { concurrency: 2 });
      call(caller, 4);
      expect(served()).toEqual([0, 0, 1, 1]);
      const request = caller.call('com.a');
      expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_AVAILABLE_CALLEE)]);
      callees[1]!.yield(1);
      call(caller, 1);
      expect(served()).toEqual([1]);
      expect(harness.nodes[0]!.counted('call_rerouted')).toBeGreaterThan(0);
    });

    it('counts a call that ended with ERROR, timeout or a leaving caller as done', () => {
      const { harness, caller, callees, served } = shared('first', 1, { concurrency: 1 });
      const other = harness.session(0);
      call(caller, 1);
      callees[0]!.error(1, 'com.app.error');
      caller.call('com.a', { timeoutMs: 10 });
      harness.nodes[0]!.outlet.advance(10);
      harness.flush();
      call(other, 1);
      other.leave();
      call(caller, 1);
      expect(served()).toEqual([0, 0, 0, 0]);
    });

    it.each([
      ['roundrobin', 3_000],
      ['random', 300],
    ] as const)('%s: asks each of %i busy callees once', (invoke, count) => {
      const { harness, caller, callees } = shared(invoke, count, { concurrency: 1 });
      call(caller, count);
      const asked = harness.nodes[0]!.counted('call_rerouted');
      const request = caller.call('com.a');
      expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_AVAILABLE_CALLEE)]);
      expect(harness.nodes[0]!.counted('call_rerouted') - asked).toBe(count - 1);
      callees[count - 2]!.yield(1);
      call(caller, 1);
      expect(callees[count - 2]!.take()).toHaveLength(2);
    });

    it('says no_available_callee for a single callee at its bound', () => {
      const { caller } = shared('single', 1, { concurrency: 1 });
      call(caller, 1);
      const request = caller.call('com.a');
      expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_AVAILABLE_CALLEE)]);
    });
  });

  describe('call rerouting', () => {
    it('single: answers no_available_callee (RRT-1)', () => {
      const { harness, caller, callees } = shared('single', 1);
      const request = caller.call('com.a');
      callees[0]!.error(1, ErrorUri.UNAVAILABLE);
      expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_AVAILABLE_CALLEE)]);
      expectNoLeaks(harness, true);
    });

    it.each([
      { invoke: 'roundrobin', expected: [0, 1, 2, 3] },
      { invoke: 'first', expected: [0, 1, 2, 3] },
      { invoke: 'last', expected: [3, 2, 1, 0] },
    ] as const)('$invoke: tries the next in its order, then gives up (RRT-1, RRT-2)', ({ invoke, expected }) => {
      const { harness, caller, callees, served } = shared(invoke, 4);
      const request = caller.call('com.a', {}, ['payload']);
      for (const index of expected) {
        expect(served()).toEqual([index]);
        expect(callees[index]!.take().at(-1)).toEqual([Code.INVOCATION, 1, expect.any(Number), {}, ['payload']]);
        callees[index]!.error(1, ErrorUri.UNAVAILABLE);
      }
      expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_AVAILABLE_CALLEE)]);
      expect(harness.nodes[0]!.counted('call_rerouted')).toBe(3);
      expectNoLeaks(harness, true);
    });

    it('random: never tries the same callee twice (RRT-1)', () => {
      const { harness, caller, callees, served } = shared('random', 4);
      harness.nodes[0]!.outlet.randoms = [0.5];
      caller.call('com.a');
      const tried: number[] = [];
      for (let attempt = 0; attempt < 4; attempt++) {
        const [index] = served();
        tried.push(index!);
        callees[index!]!.error(1, ErrorUri.UNAVAILABLE);
      }
      expect(new Set(tried).size).toBe(4);
      expect(caller.take()).toHaveLength(1);
    });

    it('gives the result of the callee that took it (RRT-1)', () => {
      const { harness, caller, callees } = shared('first', 2);
      const request = caller.call('com.a');
      callees[0]!.error(1, ErrorUri.UNAVAILABLE);
      callees[1]!.yield(1, ['served']);
      expect(caller.take()).toEqual([[Code.RESULT, request, {}, ['served']]]);
      expectNoLeaks(harness, true);
    });

    it('forwards unavailable word for word when the callee did not announce call_reroute (RRT-3)', () => {
      const features = ALL_FEATURES.filter((key) => key !== 'call_reroute');
      const { caller, callees, served } = shared('first', 2, { features });
      const request = caller.call('com.a');
      callees[0]!.error(1, ErrorUri.UNAVAILABLE, ['busy']);
      expect(served()).toEqual([0]);
      expect(caller.take()).toEqual([[Code.ERROR, Code.CALL, request, {}, ErrorUri.UNAVAILABLE, ['busy']]]);
    });

    it('never reroutes after progress was forwarded (RRT-3)', () => {
      const { caller, callees, served } = shared('first', 2);
      const request = caller.call('com.a', { receiveProgress: true });
      callees[0]!.yield(1, [1], { progress: true });
      callees[0]!.error(1, ErrorUri.UNAVAILABLE);
      expect(served()).toEqual([0]);
      expect(caller.take().at(-1)).toEqual([Code.ERROR, Code.CALL, request, {}, ErrorUri.UNAVAILABLE]);
    });

    it('never reroutes once a continuation was sent, but before (RRT-3)', () => {
      const { caller, callees, served } = shared('first', 2);
      const request = caller.call('com.a', { progress: true });
      callees[0]!.error(1, ErrorUri.UNAVAILABLE);
      expect(served()).toEqual([0, 1]);
      caller.continueCall(request, 'com.a', { progress: true });
      served();
      callees[1]!.error(1, ErrorUri.UNAVAILABLE);
      expect(served()).toEqual([]);
      expect(caller.take()).toEqual([[Code.ERROR, Code.CALL, request, {}, ErrorUri.UNAVAILABLE]]);
    });

    it('discloses to the next callee what that one may know (RRT-3, CID-3)', () => {
      const harness = new DealerHarness(nodeCount);
      const caller = harness.session(0);
      const first = harness.session(0);
      const second = harness.session(nodeCount - 1);
      first.registered('com.a', { invoke: 'first', discloseCaller: true });
      second.registered('com.a', { invoke: 'first' });
      caller.call('com.a');
      first.error(1, ErrorUri.UNAVAILABLE);
      expect(first.take()[0]![3]).toMatchObject({ caller: caller.id });
      expect(second.take()[0]![3]).toEqual({});
    });
  });
});
