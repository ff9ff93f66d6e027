import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import { fault } from '../../../../src/wamp/faults.js';
import type { RouterMessage } from '../../../../src/wamp/messages.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { expectNoLeaks, pair, refusal, TOPOLOGIES } from './dealer-harness.js';

describe.each(TOPOLOGIES)('what cannot be encoded for a receiver, $name', ({ nodeCount }) => {
  const refusalOfSend = fault(ErrorUri.INVALID_ARGUMENT, 'cannot be represented in this serializer');
  const refuse = (code: number) => (_to: unknown, message: RouterMessage) =>
    message[0] === code ? refusalOfSend : undefined;

  it('answers the caller when the INVOCATION cannot be sent, and wastes no request id (G3, ID-4)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    const { outlet } = harness.nodes[nodeCount - 1]!;
    callee.registered('com.a');
    outlet.refuseSend = refuse(Code.INVOCATION);
    const request = caller.call('com.a', {}, ['x'.repeat(100)]);
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.INVALID_ARGUMENT)]);
    expect(harness.nodes[0]!.outcomes()).toEqual(['refused']);
    expectNoLeaks(harness, true);
    outlet.refuseSend = undefined;
    caller.call('com.a');
    expect(callee.take()).toEqual([[Code.INVOCATION, 1, expect.any(Number), {}]]);
  });

  it('answers the caller with the reason when the RESULT cannot be sent (G3)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    harness.nodes[0]!.outlet.refuseSend = refuse(Code.RESULT);
    const request = caller.call('com.a');
    callee.yield(1, ['huge']);
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.INVALID_ARGUMENT)]);
    expectNoLeaks(harness, true);
  });

  it('ends a stream of which one chunk cannot be sent, rather than leave it out (PCR-7)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    const request = caller.call('com.a', { receiveProgress: true });
    callee.yield(1, [1], { progress: true });
    harness.nodes[0]!.outlet.refuseSend = refuse(Code.RESULT);
    callee.take();
    callee.yield(1, [2], { progress: true });
    callee.yield(1, [3]);
    expect(caller.take()).toEqual([
      [Code.RESULT, request, { progress: true }, [1]],
      refusal(Code.CALL, request, ErrorUri.INVALID_ARGUMENT),
    ]);
    expect(callee.take()).toEqual([[Code.INTERRUPT, 1, { mode: 'killnowait' }]]);
    expectNoLeaks(harness, true);
  });

  it('answers the caller with the reason when the ERROR of the callee cannot be sent (G3)', () => {
    const { harness, caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    harness.nodes[0]!.outlet.refuseSend = (_to, message) =>
      message[0] === Code.ERROR && message[4] === 'com.app.error' ? refusalOfSend : undefined;
    const request = caller.call('com.a');
    callee.error(1, 'com.app.error', ['huge']);
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.INVALID_ARGUMENT)]);
  });
});

describe.each(TOPOLOGIES)('payload passthru, $name', ({ nodeCount }) => {
  const passthru = { form: 'ppt', details: { ppt_scheme: 'x_mine', ppt_serializer: 'cbor' } } as const;
  const enc = { form: 'enc', details: { enc_algo: 'x_mine' } } as const;

  it('forwards the keys word for word both ways (PPT-1)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    caller.call('com.a', { passthru }, ['opaque']);
    expect(callee.take()[0]![3]).toEqual(passthru.details);
    callee.yield(1, ['opaque'], { passthru });
    expect(caller.take()).toEqual([[Code.RESULT, 1, passthru.details, ['opaque']]]);
    caller.call('com.a');
    callee.error(2, 'com.app.error', ['opaque'], { passthru });
    expect(caller.take()).toEqual([[Code.ERROR, Code.CALL, 2, passthru.details, 'com.app.error', ['opaque']]]);
  });

  it('forwards progress beside the keys (PPT-1, PCR-1)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.a');
    caller.call('com.a', { receiveProgress: true });
    callee.yield(1, ['opaque'], { passthru, progress: true });
    expect(caller.take()[0]![2]).toEqual({ ...passthru.details, progress: true });
  });

  it('answers feature_not_supported when the callee did not announce it (PPT-4)', () => {
    const { harness, caller, callee } = pair(nodeCount, { callee: [] });
    callee.registered('com.a');
    const request = caller.call('com.a', { passthru });
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.FEATURE_NOT_SUPPORTED)]);
    expect(callee.take()).toEqual([]);
    expectNoLeaks(harness, true);
  });

  it.each(['result', 'progressive result', 'error'])(
    'answers the caller, not the callee, when the caller did not announce it: %s (PPT-4, X-23)',
    (answer) => {
      const { harness, caller, callee } = pair(nodeCount, { caller: [] });
      callee.registered('com.a');
      const request = caller.call('com.a', { receiveProgress: true });
      callee.take();
      if (answer === 'error') callee.error(1, 'com.app.error', [], { passthru });
      else callee.yield(1, ['opaque'], { passthru, progress: answer !== 'result' });
      expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.FEATURE_NOT_SUPPORTED)]);
      expect(callee.isOpen).toBe(true);
      expect(callee.take().map(([code]) => code)).toEqual(answer === 'progressive result' ? [Code.INTERRUPT] : []);
      expectNoLeaks(harness, true);
    },
  );

  it('forwards the enc_* form to anybody (PPT-5, X-13)', () => {
    const { caller, callee } = pair(nodeCount, { caller: [], callee: [] });
    callee.registered('com.a');
    caller.call('com.a', { passthru: enc }, ['opaque']);
    expect(callee.take()[0]![3]).toEqual(enc.details);
    callee.yield(1, ['opaque'], { passthru: enc });
    expect(caller.take()).toEqual([[Code.RESULT, 1, enc.details, ['opaque']]]);
  });
});
