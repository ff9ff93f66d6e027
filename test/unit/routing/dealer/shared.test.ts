import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import type { FeatureKey } from '../../../../src/wamp/features.js';
import type { InvocationPolicy } from '../../../../src/wamp/options.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { DealerHarness, expectNoLeaks, refusal, TOPOLOGIES } from './dealer-harness.js';
import { ALL_FEATURES, type TestSession } from './test-session.js';

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

  it('random: drawn evenly, over all callees (SHR-3)', () => {
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
    it('goes to the next callee while one is at its bound, then reports that all are (SHR, Crossbar.io)', () => {
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

    it('counts a call that ended with ERROR as done, and one that its caller gave up as not', () => {
      const { harness, caller, callees, served } = shared('first', 1, { concurrency: 1 });
      call(caller, 1);
      callees[0]!.error(1, 'com.app.error');
      caller.call('com.a', { timeoutMs: 10 });
      harness.nodes[0]!.outlet.advance(10);
      harness.flush();
      call(caller, 1);
      expect(served()).toEqual([0, 0]);
    });

    it.each(['roundrobin', 'random', 'first', 'last'] as const)(
      '%s: asks none of 400 callees that it knows to be busy, and finds the one that is not',
      (invoke) => {
        const count = 400;
        const { harness, caller, callees } = shared(invoke, count, { concurrency: 1 });
        const rerouted = (): number => harness.nodes[0]!.counted('call_rerouted');
        call(caller, count);
        const refused = caller.call('com.a');
        expect(caller.take()).toEqual([refusal(Code.CALL, refused, ErrorUri.NO_AVAILABLE_CALLEE)]);
        const asked = rerouted();
        // What is known of callees of this node is known without asking, and nobody of another node is asked twice.
        expect(asked).toBeLessThanOrEqual(count - count / nodeCount);
        for (let times = 0; times < 10; times++) caller.call('com.a');
        expect(rerouted()).toBe(asked);
        callees[count - 3]!.yield(1);
        call(caller, 1);
        expect(callees[count - 3]!.take()).toHaveLength(2);
        expect(rerouted()).toBe(asked);
      },
    );

    it('brings a call to a callee of another node that became free meanwhile, after a while at most', () => {
      const { harness, caller, callees } = shared('first', 40, { concurrency: 1 });
      const elsewhere = harness.session(nodeCount - 1);
      for (const callee of callees) elsewhere.call('com.a', {}, [callee.id]);
      caller.call('com.a');
      caller.take();
      callees[1]!.yield(1);
      harness.nodes[0]!.outlet.advance(100);
      const request = caller.call('com.a');
      callees[1]!.yield(2, ['free']);
      expect(caller.take()).toEqual([[Code.RESULT, request, {}, ['free']]]);
    });

    it('calls a callee that registers again while the others still believe it gone (G2)', () => {
      const { harness, caller, callees } = shared('first', 40, { concurrency: 1 });
      const [, second] = callees;
      callees[0]!.call('com.a');
      const id = harness.nodes[0]!.outlet.recorded.flatMap((one) =>
        one.verb === 'claim' ? [one.claim.registration] : [],
      )[0]!;
      second!.unregister(id);
      second!.take();
      second!.registered('com.a', { invoke: 'first', concurrency: 1 });
      for (const callee of callees.slice(2)) caller.call('com.a', {}, [callee.id]);
      const request = caller.call('com.a');
      second!.yield(1, ['again']);
      expect(caller.take()).toEqual([[Code.RESULT, request, {}, ['again']]]);
    });

    it('sends a call on when all callees have left, though the cluster has not reported it (SHR-7)', () => {
      const harness = new DealerHarness(nodeCount, { isManual: true });
      const [caller, callee, other] = [harness.session(0), harness.session(0), harness.session(0)];
      callee.registered('com.a', { invoke: 'first' });
      other.registered('com.', { match: 'prefix' });
      callee.leave();
      const request = caller.call('com.a');
      other.yield(1, ['other']);
      expect(caller.take()).toEqual([[Code.RESULT, request, {}, ['other']]]);
      expect(harness.nodes[0]!.counted('call_rerouted')).toBe(0);
      harness.flush();
    });

    it('sends no_available_callee for a single callee at its bound', () => {
      const { caller } = shared('single', 1, { concurrency: 1 });
      call(caller, 1);
      const request = caller.call('com.a');
      expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_AVAILABLE_CALLEE)]);
    });
  });

  describe('call rerouting', () => {
    it('gives up after 100 callees that would not take the call (RRT-1)', () => {
      const { harness, caller, callees } = shared('first', 120);
      for (const callee of callees) {
        const receive = callee.onMessage;
        callee.onMessage = (message) => {
          receive?.(message);
          if (message[0] === Code.INVOCATION) callee.error(message[1], ErrorUri.UNAVAILABLE);
        };
      }
      const request = caller.call('com.a');
      harness.flush();
      expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_AVAILABLE_CALLEE)]);
      expect(callees.filter((callee) => callee.take().length > 0)).toHaveLength(100);
      expectNoLeaks(harness, true);
    });

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
