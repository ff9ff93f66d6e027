import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { describeConformance } from '../support/conformance.js';
import {
  abortedFor,
  answer,
  callError,
  cancel,
  freshUri,
  invocation,
  progress,
  receiveUntil,
  refuse,
} from '../support/exchange.js';
import { depart, settled, SILENCE } from '../support/fences.js';
import { rolesWithout } from '../support/raw-client.js';

const MODES = ['skip', 'kill', 'killnowait'] as const;

describeConformance('call-canceling', (router) => {
  /** A call whose INVOCATION has reached its callee. */
  async function calling(roles?: Record<string, unknown>) {
    const caller = await router().join();
    const callee = await router().join(roles === undefined ? {} : { roles });
    const procedure = freshUri();
    await callee.register(procedure);
    const call = caller.call(procedure, ['work'], { receive_progress: true });
    const { request } = await invocation(callee);
    return { caller, callee, procedure, call, request };
  }

  it('answers skip at once, sends the callee nothing and discards its answer (CAN-1)', async () => {
    const { caller, callee, call, request } = await calling();
    cancel(caller, call, 'skip');
    expect(await callError(caller, call)).toBe('wamp.error.canceled');
    expect(await settled(caller, callee)).toEqual(SILENCE);
    answer(callee, request, ['late']);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('interrupts the callee for kill and forwards the ERROR it answers, that alone (CAN-1, CAN-3)', async () => {
    const { caller, callee, call, request } = await calling();
    cancel(caller, call, 'kill');
    expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'kill' }]);
    expect(await settled(caller, callee)).toEqual(SILENCE);
    refuse(callee, request, 'com.example.stopped', [['at', 7], { half: true }]);
    expect(await caller.receive()).toEqual([
      Code.ERROR,
      Code.CALL,
      call,
      {},
      'com.example.stopped',
      ['at', 7],
      { half: true },
    ]);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('forwards the RESULT of a callee that finished in spite of kill (CAN-1)', async () => {
    const { caller, callee, call, request } = await calling();
    cancel(caller, call, 'kill');
    await callee.expect(Code.INTERRUPT);
    answer(callee, request, ['done']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['done']]);
    refuse(callee, request, 'com.example.stopped');
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it.each(['YIELD', 'ERROR'])('answers killnowait at once and discards the %s of the callee (CAN-1)', async (late) => {
    const { caller, callee, call, request } = await calling();
    cancel(caller, call, 'killnowait');
    expect(await callError(caller, call)).toBe('wamp.error.canceled');
    expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
    if (late === 'YIELD') answer(callee, request, ['late']);
    else refuse(callee, request, 'com.example.stopped');
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it.each(MODES)('takes %s as skip when the callee did not announce call_canceling (CAN-2)', async (mode) => {
    const { caller, callee, call, request } = await calling(rolesWithout('call_canceling'));
    cancel(caller, call, mode);
    expect(await callError(caller, call)).toBe('wamp.error.canceled');
    expect(await settled(caller, callee)).toEqual(SILENCE);
    answer(callee, request, ['late']);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('names the INVOCATION of each callee in INTERRUPT, not the CALL (CAN-3)', async () => {
    const { caller, callee, procedure, call, request } = await calling();
    const others = [caller.call(procedure), caller.call(procedure)];
    const invocations = [await invocation(callee), await invocation(callee)];
    cancel(caller, others[1]!, 'kill');
    expect(await callee.receive()).toEqual([Code.INTERRUPT, invocations[1]!.request, { mode: 'kill' }]);
    cancel(caller, call, 'kill');
    expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'kill' }]);
    answer(callee, invocations[0]!.request, ['untouched']);
    expect(await caller.receive()).toEqual([Code.RESULT, others[0], {}, ['untouched']]);
  });

  it('takes killnowait when CANCEL names no mode (CAN-4)', async () => {
    const { caller, callee, call, request } = await calling();
    cancel(caller, call);
    expect(await callError(caller, call)).toBe('wamp.error.canceled');
    expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
  });

  it.each([['gently'], [1], [['kill']]])('aborts a session that cancels with mode %j (CAN-5)', async (mode) => {
    const { caller, callee, call, request } = await calling();
    caller.send([Code.CANCEL, call, { mode }]);
    expect(await abortedFor(caller)).toContain('mode');
    expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
  });

  it('answers canceled when the callee leaves instead of answering kill (CAN-6, DLR-12)', async () => {
    const { caller, callee, call } = await calling();
    const other = await router().join();
    cancel(caller, call, 'kill');
    await callee.expect(Code.INTERRUPT);
    depart(callee, 'GOODBYE');
    expect(await callError(caller, call)).toBe('wamp.error.canceled');
    expect(await settled(caller, other)).toEqual(SILENCE);
  });

  it('bounds a callee that ignores kill by the timeout of the call (CAN-6, TMO-2)', async () => {
    const caller = await router().join();
    const callee = await router().join();
    const procedure = freshUri();
    await callee.register(procedure);
    const call = caller.call(procedure, [], { timeout: 100 });
    const { request } = await invocation(callee);
    cancel(caller, call, 'kill');
    expect(await callError(caller, call)).toBe('wamp.error.timeout');
    expect(await settled(caller, callee)).toEqual({
      atCaller: [],
      atCallee: [[Code.INTERRUPT, request, { mode: 'kill' }]],
    });
  });

  it('lets nobody cancel a call but its caller (CAN-7)', async () => {
    const { caller, callee, procedure, call, request } = await calling();
    const stranger = await router().join();
    for (const mode of MODES) cancel(stranger, call, mode);
    expect(await stranger.fence()).toEqual([]);
    expect(await settled(caller, callee)).toEqual(SILENCE);
    // Of two sessions that count from 1 the request ids coincide: CANCEL must not find the call of the other.
    const namesake = await router().join();
    const same = namesake.call(procedure, ['of another session']);
    expect(same).toBe(call);
    const invoked = await invocation(callee);
    cancel(namesake, same, 'killnowait');
    expect(await callError(namesake, same)).toBe('wamp.error.canceled');
    expect(await callee.receive()).toEqual([Code.INTERRUPT, invoked.request, { mode: 'killnowait' }]);
    answer(callee, request, ['to the caller']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['to the caller']]);
  });

  it.each(MODES)('ignores a CANCEL with %s that comes after the RESULT (CAN-1)', async (mode) => {
    const { caller, callee, call, request } = await calling();
    answer(callee, request, ['done']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['done']]);
    cancel(caller, call, mode);
    cancel(caller, call + 1_000, mode);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it.each(MODES.flatMap((first) => MODES.map((second) => [first, second] as const)))(
    'ignores a second CANCEL: %s, then %s (CAN-1, DLR-8)',
    async (first, second) => {
      const { caller, callee, call, request } = await calling();
      cancel(caller, call, first);
      cancel(caller, call, second);
      answer(callee, request, ['answered']);
      const { atCaller, atCallee } = await settled(caller, callee);
      expect(atCallee.filter(([code]) => code === Code.INTERRUPT).length).toBeLessThanOrEqual(first === 'skip' ? 0 : 1);
      expect(atCaller).toHaveLength(1);
      expect(atCaller[0]![0] === Code.RESULT || atCaller[0]![4] === 'wamp.error.canceled').toBe(true);
    },
  );

  it.each(MODES)(
    'gives one final answer when %s and YIELD cross, and keeps both peers (CAN-1, DLR-10)',
    async (mode) => {
      const { caller, callee, procedure, call, request } = await calling();
      const crossings = [{ call, request }];
      for (let repeat = 0; repeat < 20; repeat++) {
        const next = caller.call(procedure, [repeat]);
        crossings.push({ call: next, request: (await invocation(callee)).request });
      }
      for (const crossing of crossings) {
        answer(callee, crossing.request, ['done']);
        cancel(caller, crossing.call, mode);
      }
      const { atCaller } = await settled(caller, callee);
      const finals = atCaller.map(([code, first, second]) => (code === Code.RESULT ? first : second));
      expect([...finals].sort()).toEqual(crossings.map((crossing) => crossing.call).sort());
      for (const message of atCaller) if (message[0] === Code.ERROR) expect(message[4]).toBe('wamp.error.canceled');
      if (mode === 'kill') expect(atCaller.every(([code]) => code === Code.RESULT)).toBe(true);
      expect(await settled(caller, callee)).toEqual(SILENCE);
    },
  );

  it.each(MODES)('stops the progressive results of a call canceled with %s (CAN-1, PCR-2)', async (mode) => {
    const { caller, callee, call, request } = await calling();
    progress(callee, request, [1]);
    expect(await caller.receive()).toEqual([Code.RESULT, call, { progress: true }, [1]]);
    cancel(caller, call, mode);
    if (mode === 'skip') expect(await callError(caller, call)).toBe('wamp.error.canceled');
    else expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode }]);
    progress(callee, request, [2]);
    progress(callee, request, [3]);
    refuse(callee, request, 'com.example.stopped');
    const { atCaller } = await settled(caller, callee);
    if (mode === 'skip') expect(atCaller).toEqual([]);
    else {
      expect(atCaller.map(([code]) => code)).toEqual([Code.ERROR]);
      expect(atCaller[0]![4]).toBe(mode === 'kill' ? 'com.example.stopped' : 'wamp.error.canceled');
    }
  });

  it('keeps a callee that answers canceled calls late, and all its other callers (DLR-10)', async () => {
    const { caller, callee, procedure, call, request } = await calling();
    const other = await router().join();
    const kept = other.call(procedure, ['kept']);
    const keptInvocation = await invocation(callee);
    cancel(caller, call, 'killnowait');
    await callError(caller, call);
    await callee.expect(Code.INTERRUPT);
    refuse(callee, request, 'wamp.error.canceled');
    answer(callee, request, ['again']);
    answer(callee, keptInvocation.request, ['kept']);
    expect(await other.receive()).toEqual([Code.RESULT, kept, {}, ['kept']]);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('sends each callee of a shared registration its own INTERRUPT (CAN-3)', async () => {
    const caller = await router().join();
    const callees = [await router().join(), await router().join(), await router().join()];
    const procedure = freshUri();
    for (const callee of callees) await callee.register(procedure, { invoke: 'roundrobin' });
    const calls = callees.map(() => caller.call(procedure));
    for (const [index, callee] of callees.entries()) {
      const { request } = await invocation(callee);
      cancel(caller, calls[index]!, 'killnowait');
      expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
    }
    const answered = await receiveUntil(caller, ([, , request]) => request === calls[2]);
    expect(answered.map(([, , request]) => request)).toEqual(calls);
  });
});
