import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import { fault } from '../../../../src/wamp/faults.js';
import type { FeatureKey } from '../../../../src/wamp/features.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { expectNoLeaks, pair, refusal, TOPOLOGIES } from './dealer-harness.js';
import { ALL_FEATURES } from './test-session.js';

const without = (...features: FeatureKey[]): FeatureKey[] => ALL_FEATURES.filter((key) => !features.includes(key));

describe.each(TOPOLOGIES)('progressive call results, $name', ({ nodeCount }) => {
  it('forwards each progressive YIELD at once, in order, then the final one (PCR-1, ORD-5)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    const registration = callee.registered('com.a');
    const request = caller.call('com.a', { receiveProgress: true });
    expect(callee.take()).toEqual([[Code.INVOCATION, 1, registration, { receive_progress: true }]]);
    for (let chunk = 1; chunk <= 3; chunk++) {
      callee.yield(1, [chunk], { progress: true });
      expect(caller.take()).toEqual([[Code.RESULT, request, { progress: true }, [chunk]]]);
    }
    callee.yield(1);
    expect(caller.take()).toEqual([[Code.RESULT, request, {}]]);
    expectNoLeaks(harness, true);
  });

  it('ends a stream with the ERROR of the callee (PCR-1)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    const request = caller.call('com.a', { receiveProgress: true });
    callee.yield(1, [], { progress: true });
    callee.error(1, 'com.app.error');
    expect(caller.take()).toEqual([
      [Code.RESULT, request, { progress: true }],
      [Code.ERROR, Code.CALL, request, {}, 'com.app.error'],
    ]);
  });

  it('discards progress after the final result (ORD-5, DLR-8)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    caller.call('com.a', { receiveProgress: true });
    callee.yield(1);
    callee.yield(1, [], { progress: true });
    expect(caller.take()).toEqual([[Code.RESULT, 1, {}]]);
    expect(callee.isOpen).toBe(true);
  });

  it('asks no progress of a callee that did not announce it (PCR-1)', () => {
    const { caller, callee } = pair(nodeCount, { callee: without('progressive_call_results') });
    const registration = callee.registered('com.a');
    caller.call('com.a', { receiveProgress: true });
    expect(callee.take()).toEqual([[Code.INVOCATION, 1, registration, {}]]);
  });

  it('asks progress of a callee without call_canceling only where the rule is relaxed (PCR-2, X-21)', () => {
    for (const progressiveResultsRequireCanceling of [true, false]) {
      const { caller, callee } = pair(nodeCount, {
        callee: ['progressive_call_results'],
        rules: { progressiveResultsRequireCanceling },
      });
      callee.registered('com.a');
      caller.call('com.a', { receiveProgress: true });
      expect(callee.take()[0]![3]).toEqual(progressiveResultsRequireCanceling ? {} : { receive_progress: true });
    }
  });

  it('forwards progress of a callee that announced nothing, as wampy does, where the rule is relaxed (PCR-2)', () => {
    for (const progressiveResultsRequireCanceling of [true, false]) {
      const { caller, callee } = pair(nodeCount, { callee: [], rules: { progressiveResultsRequireCanceling } });
      callee.registered('com.a');
      const request = caller.call('com.a', { receiveProgress: true });
      callee.yield(1, [1], { progress: true });
      callee.yield(1);
      const progress = progressiveResultsRequireCanceling ? [] : [[Code.RESULT, request, { progress: true }, [1]]];
      expect(caller.take()).toEqual([...progress, [Code.RESULT, request, {}]]);
    }
  });

  it('discards progress nobody asked for and keeps the call open (PCR-6, X-22)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    const request = caller.call('com.a');
    callee.yield(1, ['unwanted'], { progress: true });
    expect(caller.take()).toEqual([]);
    expect(harness.nodes[nodeCount - 1]!.counted('unwanted_progress')).toBe(1);
    callee.yield(1, ['final']);
    expect(caller.take()).toEqual([[Code.RESULT, request, {}, ['final']]]);
  });

  it('interrupts the callee at once when the caller leaves in the middle (PCR-4, DLR-11)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    caller.call('com.a', { receiveProgress: true });
    callee.yield(1, [], { progress: true });
    callee.take();
    caller.leave();
    expect(callee.take()).toEqual([[Code.INTERRUPT, 1, { mode: 'killnowait' }]]);
    callee.yield(1, [], { progress: true });
    expect(callee.isOpen).toBe(true);
    expectNoLeaks(harness, true);
  });

  it('answers canceled when the callee leaves after some progress (PCR-4, DLR-12)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    const request = caller.call('com.a', { receiveProgress: true });
    callee.yield(1, [], { progress: true });
    callee.leave();
    expect(caller.take()).toEqual([
      [Code.RESULT, request, { progress: true }],
      refusal(Code.CALL, request, ErrorUri.CANCELED),
    ]);
    expectNoLeaks(harness, true);
  });

  it('keeps interleaved streams apart (ORD-5)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    caller.call('com.a', { receiveProgress: true });
    caller.call('com.a', { receiveProgress: true });
    for (const [id, chunk] of [
      [1, 'a'],
      [2, 'b'],
      [1, 'c'],
      [2, 'd'],
    ] as const)
      callee.yield(id, [chunk], { progress: true });
    expect(caller.take().map((result) => [result[1], result[3]])).toEqual([
      [1, ['a']],
      [2, ['b']],
      [1, ['c']],
      [2, ['d']],
    ]);
  });
});

describe.each(TOPOLOGIES)('progressive call invocations, $name', ({ nodeCount }) => {
  it('sends every chunk under one INVOCATION id, the last without progress (PCI-1, ORD-5)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    const registration = callee.registered('com.a');
    const request = caller.call('com.a', { progress: true }, [1]);
    caller.continueCall(request, 'com.a', { progress: true }, [2]);
    caller.continueCall(request, 'com.a', {}, [3]);
    expect(callee.take()).toEqual([
      [Code.INVOCATION, 1, registration, { progress: true }, [1]],
      [Code.INVOCATION, 1, registration, { progress: true }, [2]],
      [Code.INVOCATION, 1, registration, {}, [3]],
    ]);
    callee.yield(1, ['sum']);
    expect(caller.take()).toEqual([[Code.RESULT, request, {}, ['sum']]]);
    expectNoLeaks(harness, true);
  });

  it.each(['progressive_call_invocations', 'call_canceling'] as const)(
    'answers feature_not_supported when the callee lacks %s, and keeps no state (PCI-2, PCI-3)',
    (feature) => {
      const { harness, caller, callee } = pair(nodeCount, { callee: without(feature) });
      callee.registered('com.a');
      const request = caller.call('com.a', { progress: true });
      expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.FEATURE_NOT_SUPPORTED)]);
      expectNoLeaks(harness, true);
      caller.continueCall(request, 'com.a');
      expect(caller.take()).toEqual([]);
      expect(caller.isOpen).toBe(true);
      expect(callee.take()).toEqual([]);
    },
  );

  it('sends all chunks to the callee chosen first, of shared and pattern registrations (PCI-4)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    const other = harness.session(0);
    callee.registered('com.', { match: 'prefix', invoke: 'roundrobin' });
    other.registered('com.', { match: 'prefix', invoke: 'roundrobin' });
    const request = caller.call('com.a', { progress: true });
    other.registered('com.a');
    caller.continueCall(request, 'com.a', { progress: true });
    caller.continueCall(request, 'com.a');
    expect(callee.take()).toHaveLength(3);
    expect(other.take()).toEqual([]);
  });

  it('takes all options but progress from the first CALL (PCI-5)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.', { match: 'prefix' });
    const passthru = { form: 'ppt', details: { ppt_scheme: 'x_a' } } as const;
    const request = caller.call('com.a', { progress: true, receiveProgress: true, passthru }, [1], true);
    const other = { form: 'ppt', details: { ppt_scheme: 'x_b' } } as const;
    caller.continueCall(request, 'com.a', { receiveProgress: false, passthru: other, timeoutMs: 9 }, [2]);
    const details = {
      ppt_scheme: 'x_a',
      procedure: 'com.a',
      caller: caller.id,
      caller_authid: caller.peer.authid,
      caller_authrole: caller.peer.authrole,
      receive_progress: true,
    };
    expect(callee.take().map((invocation) => invocation[3])).toEqual([{ ...details, progress: true }, details]);
  });

  it('discards a continuation after completion without a response (PCI-7, PCI-8)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    const request = caller.call('com.a', { progress: true });
    callee.yield(1, ['enough']);
    expect(caller.take()).toEqual([[Code.RESULT, request, {}, ['enough']]]);
    callee.take();
    caller.continueCall(request, 'com.a', { progress: true });
    caller.continueCall(request, 'com.a');
    expect(caller.take()).toEqual([]);
    expect(callee.take()).toEqual([]);
    expect(caller.isOpen).toBe(true);
    expect(harness.nodes[0]!.counted('late_continuation')).toBe(2);
    expectNoLeaks(harness, true);
  });

  it('discards it also where request ids are not checked, and lets the id be used again afterwards (PCI-7)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    caller.callAs(7, 'com.a', { progress: true });
    callee.yield(1);
    callee.take();
    caller.callAs(7, 'com.a', { progress: true });
    caller.callAs(7, 'com.a');
    expect(callee.take()).toEqual([]);
    caller.callAs(7, 'com.a', {}, ['a new call']);
    expect(callee.take()).toHaveLength(1);
  });

  it('discards the rest of a call that was refused (PCI-7)', () => {
    const { caller } = pair(nodeCount);
    caller.callAs(7, 'com.nobody', { progress: true });
    caller.callAs(7, 'com.nobody');
    expect(caller.take()).toEqual([refusal(Code.CALL, 7, ErrorUri.NO_SUCH_PROCEDURE)]);
  });

  it('remembers a bounded number of such calls', () => {
    const { caller } = pair(nodeCount);
    for (let request = 1; request <= 300; request++) caller.callAs(request, 'com.nobody', { progress: true });
    caller.take();
    caller.callAs(1, 'com.nobody');
    caller.callAs(300, 'com.nobody');
    expect(caller.take()).toEqual([refusal(Code.CALL, 1, ErrorUri.NO_SUCH_PROCEDURE)]);
  });

  it('aborts a caller that continues a call which is not progressive (PCI-6, PV-10)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    const request = caller.call('com.a');
    caller.continueCall(request, 'com.a');
    expect(caller.isOpen).toBe(false);
    expect(harness.nodes[0]!.violations).toHaveLength(1);
  });

  it('aborts a caller that continues after the last chunk (PCI-1, PV-10)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    const request = caller.call('com.a', { progress: true });
    caller.continueCall(request, 'com.a');
    caller.continueCall(request, 'com.a');
    expect(caller.isOpen).toBe(false);
  });

  it('aborts a caller that continues with another procedure (PCI-10)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.', { match: 'prefix' });
    const request = caller.call('com.a', { progress: true });
    caller.continueCall(request, 'com.b');
    expect(caller.isOpen).toBe(false);
  });

  it('aborts a caller that repeats the id of a finished call and announced no progressive calls (PV-5)', () => {
    const { caller, callee } = pair(nodeCount, { caller: [] });
    callee.registered('com.a');
    const request = caller.call('com.a');
    callee.yield(1);
    caller.continueCall(request, 'com.a');
    expect(caller.isOpen).toBe(false);
  });

  it('combines with progressive results (PCI-9)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    const request = caller.call('com.a', { progress: true, receiveProgress: true }, [1]);
    callee.yield(1, ['a'], { progress: true });
    caller.continueCall(request, 'com.a', { progress: true }, [2]);
    callee.yield(1, ['b'], { progress: true });
    callee.yield(1, ['c'], { progress: true });
    caller.continueCall(request, 'com.a', {}, [3]);
    callee.yield(1, ['d']);
    expect(callee.take().map((invocation) => [invocation[1], invocation[4]])).toEqual([
      [1, [1]],
      [1, [2]],
      [1, [3]],
    ]);
    expect(caller.take().map((result) => result[3])).toEqual([['a'], ['b'], ['c'], ['d']]);
  });

  it('ends the call when a chunk cannot be encoded for the callee (G3)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    const request = caller.call('com.a', { progress: true });
    callee.take();
    harness.nodes[nodeCount - 1]!.outlet.refuseSend = (_to, message) =>
      message[0] === Code.INVOCATION
        ? fault(ErrorUri.INVALID_ARGUMENT, 'NaN cannot be represented in JSON')
        : undefined;
    caller.continueCall(request, 'com.a', { progress: true });
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.INVALID_ARGUMENT)]);
    expect(callee.take()).toEqual([[Code.INTERRUPT, 1, { mode: 'killnowait' }]]);
    expectNoLeaks(harness, true);
  });

  it('forwards nothing more after CANCEL with kill', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    const request = caller.call('com.a', { progress: true });
    caller.cancel(request, 'kill');
    callee.take();
    caller.continueCall(request, 'com.a');
    expect(callee.take()).toEqual([]);
    callee.error(1, ErrorUri.CANCELED);
    expect(caller.take()).toHaveLength(1);
    expectNoLeaks(harness, true);
  });
});

describe('continuations between two nodes', () => {
  it('answers canceled, and tries nobody else, when the callee was gone and a chunk was sent (RRT-3)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    const other = harness.session(1);
    callee.registered('com.a', { invoke: 'first' });
    other.registered('com.a', { invoke: 'first' });
    callee.leave();
    const request = caller.call('com.a', { progress: true });
    caller.continueCall(request, 'com.a');
    harness.flush();
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.CANCELED)]);
    expect(other.take()).toEqual([]);
    expect(harness.nodes[1]!.counted('late_continuation')).toBe(1);
    expectNoLeaks(harness, true);
  });

  it('ignores at the callee a chunk that crossed its final answer (PCI-7)', () => {
    const { harness, caller, callee } = pair(2, { isManual: true });
    callee.registered('com.a');
    const request = caller.call('com.a', { progress: true });
    harness.flush();
    callee.yield(1);
    caller.continueCall(request, 'com.a');
    harness.flush();
    expect(callee.take()).toHaveLength(1);
    expect(caller.take()).toEqual([[Code.RESULT, request, {}]]);
    expect(harness.nodes[1]!.counted('late_continuation')).toBe(1);
    expectNoLeaks(harness, true);
  });
});
