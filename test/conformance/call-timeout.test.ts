import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { describeConformance } from '../support/conformance.js';
import { answer, callError, cancel, freshUri, invocation, progress, refuse } from '../support/exchange.js';
import { depart, leave, settled, SILENCE } from '../support/fences.js';
import { openRealm } from '../support/open-realm.js';
import { rolesWithout, type JoinOptions, type Message, type RawClient } from '../support/raw-client.js';

const FORWARD = { forward_timeout: true };
/** Timeouts to try in turn: on a busy machine a message may come later than the first of them. */
const TIMEOUTS = [60, 600, 6_000];

describeConformance('call-timeout', (router) => {
  async function calling(options: object, register: object = {}, join: JoinOptions = {}) {
    const caller = await router().join();
    const callee = await router().join(join);
    const procedure = freshUri();
    await callee.register(procedure, register);
    const call = caller.call(procedure, ['work'], options);
    const { request, details } = await invocation(callee);
    return { caller, callee, procedure, call, request, details };
  }

  /** Lets this time pass, on the clock of the caller's node: it is how long another call of the same caller takes to fail. */
  async function clock(caller: RawClient): Promise<(milliseconds: number) => Promise<void>> {
    const mute = await router().join();
    const procedure = freshUri('clock');
    await mute.register(procedure);
    return async (milliseconds) => {
      const call = caller.call(procedure, [], { timeout: milliseconds });
      expect(await callError(caller, call)).toBe('wamp.error.timeout');
    };
  }

  /** The first attempt whose message to the caller came before the timeout. */
  async function inTime<Attempt extends { readonly first: Message }>(
    attempt: (timeout: number) => Promise<Attempt>,
  ): Promise<Attempt> {
    for (const timeout of TIMEOUTS) {
      const tried = await attempt(timeout);
      if (tried.first[4] !== 'wamp.error.timeout') return tried;
    }
    throw new Error('every attempt timed out');
  }

  it.each([[{}], [{ timeout: 0 }]])('sets no time for %j (TMO-1)', async (options) => {
    const { caller, callee, call, request, details } = await calling(options, FORWARD);
    expect(details).toEqual({});
    const pass = await clock(caller);
    await pass(60);
    answer(callee, request, ['in its own time']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['in its own time']]);
  });

  it.each([[-1], [1.5], ['100'], [true]])('aborts a caller with the timeout %j (TMO-1, MSG-6)', async (timeout) => {
    const caller = await router().join();
    caller.call(freshUri(), [], { timeout });
    const [, , reason] = await caller.expect(Code.ABORT);
    expect(reason).toBe('wamp.error.protocol_violation');
  });

  it('ends the call of a callee that knows no timeouts, and interrupts it (TMO-2)', async () => {
    const { caller, callee, call, request, details } = await calling({ timeout: 40 }, FORWARD, {
      roles: rolesWithout('call_timeout'),
    });
    expect(details).toEqual({});
    expect(await callError(caller, call)).toBe('wamp.error.timeout');
    expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
  });

  it('sends a callee nothing that knows no canceling either (TMO-2, CAN-2)', async () => {
    const { caller, callee, call } = await calling({ timeout: 40 }, FORWARD, {
      roles: rolesWithout('call_timeout', 'call_canceling'),
    });
    expect(await callError(caller, call)).toBe('wamp.error.timeout');
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it.each(['YIELD', 'ERROR'])(
    'discards a %s that comes after the timeout, and keeps the callee (TMO-2)',
    async (late) => {
      const { caller, callee, procedure, call, request } = await calling({ timeout: 40 });
      expect(await callError(caller, call)).toBe('wamp.error.timeout');
      await callee.expect(Code.INTERRUPT);
      if (late === 'YIELD') answer(callee, request, ['late']);
      else refuse(callee, request, 'com.example.stopped');
      expect(await settled(caller, callee)).toEqual(SILENCE);
      const next = caller.call(procedure, ['next']);
      answer(callee, (await invocation(callee)).request, ['in time']);
      expect(await caller.receive()).toEqual([Code.RESULT, next, {}, ['in time']]);
    },
  );

  it('leaves the time to a callee that asked for it, and forwards its ERROR (TMO-3)', async () => {
    const { caller, callee, call, request, details } = await calling({ timeout: 5_000 }, FORWARD);
    const { timeout, ...others } = details;
    expect(others).toEqual({});
    expect(timeout).toBeGreaterThan(0);
    expect(timeout).toBeLessThanOrEqual(5_000);
    refuse(callee, request, 'wamp.error.timeout', [['gave up']]);
    expect(await caller.receive()).toEqual([Code.ERROR, Code.CALL, call, {}, 'wamp.error.timeout', ['gave up']]);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('keeps the time itself for a callee that knows timeouts and did not ask for them (TMO-3)', async () => {
    const { caller, callee, call, request, details } = await calling({ timeout: 40 });
    expect(details).toEqual({});
    expect(await callError(caller, call)).toBe('wamp.error.timeout');
    expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
  });

  it('decides for each callee of a shared registration whether to forward (TMO-4)', async () => {
    const caller = await router().join();
    const callees = [await router().join(), await router().join()] as const;
    const procedure = freshUri();
    await callees[0].register(procedure, { invoke: 'roundrobin', ...FORWARD });
    await callees[1].register(procedure, { invoke: 'roundrobin' });
    for (let round = 0; round < 2; round++) {
      for (let each = 0; each < callees.length; each++) caller.call(procedure, [], { timeout: 9_000 });
      expect((await invocation(callees[0])).details).toHaveProperty('timeout');
      expect((await invocation(callees[1])).details).toEqual({});
    }
  });

  it('starts the time anew with every progressive result (PCR-5)', async () => {
    const { caller, callee, procedure, call, request } = await calling({ timeout: 600, receive_progress: true });
    const beside = caller.call(procedure, [], { timeout: 600 });
    await invocation(callee);
    const pass = await clock(caller);
    await pass(300);
    progress(callee, request, ['half way']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, { progress: true }, ['half way']]);
    // Made at the same time with the same timeout, and nothing came of it.
    expect(await callError(caller, beside)).toBe('wamp.error.timeout');
    answer(callee, request, ['done']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['done']]);
  });

  it('ends a call whose callee falls silent after progress, and discards the rest (PCR-5, TMO-2)', async () => {
    const { caller, callee, call, request, first } = await inTime(async (timeout) => {
      const scene = await calling({ timeout, receive_progress: true });
      progress(scene.callee, scene.request, [1]);
      return { ...scene, first: await scene.caller.receive() };
    });
    expect(first).toEqual([Code.RESULT, call, { progress: true }, [1]]);
    expect(await callError(caller, call)).toBe('wamp.error.timeout');
    expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
    progress(callee, request, [2]);
    answer(callee, request, [3]);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('does not prolong the time for progress that was not asked for (PCR-5, PCR-6)', async () => {
    const { caller, callee, call, request } = await calling({ timeout: 60 });
    progress(callee, request, ['unasked']);
    expect(await callError(caller, call)).toBe('wamp.error.timeout');
  });

  it.each(['RESULT', 'ERROR', 'CANCEL'])('forgets the time after %s (TMO-2, DLR-8)', async (end) => {
    const {
      caller,
      callee,
      timeout,
      first: last,
    } = await inTime(async (timeout) => {
      const scene = await calling({ timeout });
      if (end === 'RESULT') answer(scene.callee, scene.request, ['in time']);
      else if (end === 'ERROR') refuse(scene.callee, scene.request, 'com.example.no');
      else cancel(scene.caller, scene.call, 'skip');
      return { ...scene, timeout, first: await scene.caller.receive() };
    });
    expect(end === 'RESULT' ? last[0] : last[4]).toBe(
      { RESULT: Code.RESULT, ERROR: 'com.example.no', CANCEL: 'wamp.error.canceled' }[end],
    );
    const pass = await clock(caller);
    await pass(timeout + 20);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('forgets the time when the caller leaves (TMO-2, DLR-11)', async () => {
    const leaver = await router().joinAt(0);
    const witness = await router().joinAt(0);
    const callee = await router().joinAt(1);
    const procedure = freshUri();
    await callee.register(procedure);
    leaver.call(procedure, [], { timeout: 40 });
    const { request } = await invocation(callee);
    await leave(leaver, 'GOODBYE', witness);
    const pass = await clock(witness);
    await pass(60);
    expect(await settled(witness, callee)).toEqual({
      atCaller: [],
      atCallee: [[Code.INTERRUPT, request, { mode: 'killnowait' }]],
    });
  });

  it('forgets the time when the callee leaves (TMO-2, DLR-12)', async () => {
    const { caller, callee, call } = await calling({ timeout: 40 });
    depart(callee, 'GOODBYE');
    expect(['wamp.error.canceled', 'wamp.error.timeout']).toContain(await callError(caller, call));
    const pass = await clock(caller);
    await pass(60);
    expect(await caller.fence()).toEqual([]);
  });
});

describeConformance(
  'call-timeout of the router',
  (router) => {
    it.each([[{}], [{ timeout: 0 }], [{ timeout: 60_000 }]])(
      'ends every call after the longest time it allows, whatever the caller set: %j (TMO-1, G3)',
      async (options) => {
        const caller = await router().join();
        const callee = await router().join();
        const procedure = freshUri();
        await callee.register(procedure);
        const call = caller.call(procedure, [], options);
        const { request } = await invocation(callee);
        expect(await callError(caller, call)).toBe('wamp.error.timeout');
        expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
      },
    );
  },
  { limits: { maxCallTimeoutMs: 80 } },
);

describeConformance(
  'call-timeout in seconds',
  (router) => {
    it('takes the timeout of a call for seconds, and sends a callee whole seconds (TMO-1, TMO-3)', async () => {
      const caller = await router().join();
      const callee = await router().join();
      const [forwarding, plain] = [freshUri(), freshUri()];
      await callee.register(forwarding, FORWARD);
      await callee.register(plain);
      caller.call(forwarding, [], { timeout: 30 });
      expect((await invocation(callee)).details).toEqual({ timeout: 30 });
      caller.call(plain, [], { timeout: 1 });
      const { request } = await invocation(callee);
      expect((await caller.expect(Code.ERROR))[5]).toEqual(['no result within 1000 ms']);
      expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
    });
  },
  openRealm({ callTimeoutUnit: 's' }),
);
