import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { answer, callAgain, callError, cancel, freshUri, invocation, progress, refuse } from '../support/exchange.js';
import { settled, SILENCE } from '../support/fences.js';
import { rolesWithout, type RawClient } from '../support/raw-client.js';
import { describeApart } from '../support/uneven-lanes.js';

const UNAVAILABLE = 'wamp.error.unavailable';
const NO_CALLEE = 'wamp.error.no_available_callee';

describeApart('call-reroute', (router) => {
  async function sharing(invoke: string, count: number) {
    const procedure = freshUri();
    const caller = await router().join();
    const callees: RawClient[] = [];
    for (let index = 0; index < count; index++) {
      const callee = await router().join();
      await callee.register(procedure, { invoke });
      callees.push(callee);
    }
    return { procedure, caller, callees };
  }

  it('answers no_available_callee when the only callee is unavailable (RRT-1 single)', async () => {
    const { procedure, caller, callees } = await sharing('single', 1);
    const call = caller.call(procedure);
    refuse(callees[0]!, (await invocation(callees[0]!)).request, UNAVAILABLE);
    expect(await callError(caller, call)).toBe(NO_CALLEE);
    expect(await settled(caller, callees[0]!)).toEqual(SILENCE);
  });

  it.each([
    ['first', [0, 1, 2]],
    ['last', [2, 1, 0]],
    ['roundrobin', [0, 1, 2]],
  ])('goes on to the next in line: %s (RRT-1)', async (invoke, order) => {
    const { procedure, caller, callees } = await sharing(invoke, 3);
    const call = caller.call(procedure, ['work'], {}, { with: 'care' });
    for (const index of order) {
      const invoked = await invocation(callees[index]!);
      expect(invoked).toMatchObject({ request: 1, details: {}, payload: [['work'], { with: 'care' }] });
      if (index !== order.at(-1)) refuse(callees[index]!, invoked.request, UNAVAILABLE);
      else answer(callees[index]!, invoked.request, ['taken']);
    }
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['taken']]);
    for (const callee of callees) expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('goes on from the turn it had: the next call is for the one after (RRT-1 roundrobin)', async () => {
    const { procedure, caller, callees } = await sharing('roundrobin', 3);
    caller.call(procedure, ['a']);
    refuse(callees[0]!, (await invocation(callees[0]!)).request, UNAVAILABLE);
    expect((await invocation(callees[1]!)).payload).toEqual([['a']]);
    caller.call(procedure, ['b']);
    expect((await invocation(callees[2]!)).payload).toEqual([['b']]);
  });

  it.each(['first', 'last', 'roundrobin', 'random'])(
    'asks each callee once, and reports it when none is available: %s (RRT-2)',
    async (invoke) => {
      const { procedure, caller, callees } = await sharing(invoke, 3);
      for (let round = 0; round < 4; round++) {
        const call = caller.call(procedure, [round]);
        // Whichever comes first: all three are asked, in whatever order.
        await Promise.all(
          callees.map(async (callee) => {
            const { request, payload } = await invocation(callee);
            expect(payload).toEqual([[round]]);
            refuse(callee, request, UNAVAILABLE);
          }),
        );
        expect(await callError(caller, call)).toBe(NO_CALLEE);
      }
      for (const callee of callees) expect(await settled(caller, callee)).toEqual(SILENCE);
    },
  );

  it('counts the INVOCATIONs of each callee by themselves (RRT-3, ID-4)', async () => {
    const { procedure, caller, callees } = await sharing('first', 2);
    const [first, second] = callees as [RawClient, RawClient];
    const other = freshUri();
    await second.register(other);
    for (let call = 1; call <= 3; call++) {
      caller.call(other);
      expect((await invocation(second)).request).toBe(call);
    }
    caller.call(procedure);
    const { request } = await invocation(first);
    expect(request).toBe(1);
    refuse(first, request, UNAVAILABLE);
    expect((await invocation(second)).request).toBe(4);
  });

  it('keeps the options and identity of the call (RRT-3, CID-1)', async () => {
    const { procedure, caller, callees } = await sharing('first', 2);
    const call = caller.call(procedure, ['x'], { receive_progress: true, disclose_me: true });
    const { request, details } = await invocation(callees[0]!);
    expect(details).toMatchObject({ receive_progress: true, caller: caller.session });
    refuse(callees[0]!, request, UNAVAILABLE);
    const second = await invocation(callees[1]!);
    expect(second.details).toEqual(details);
    progress(callees[1]!, second.request, [1]);
    expect(await caller.receive()).toEqual([Code.RESULT, call, { progress: true }, [1]]);
  });

  it('keeps the time running while callees are asked (RRT-3, TMO-2)', async () => {
    const { procedure, caller, callees } = await sharing('first', 2);
    const call = caller.call(procedure, [], { timeout: 80 });
    refuse(callees[0]!, (await invocation(callees[0]!)).request, UNAVAILABLE);
    const { request } = await invocation(callees[1]!);
    expect(await callError(caller, call)).toBe('wamp.error.timeout');
    expect(await callees[1]!.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
    expect(await settled(caller, callees[0]!)).toEqual(SILENCE);
  });

  it('forwards the error of a callee that did not announce rerouting (RRT-3, DLR-7)', async () => {
    const procedure = freshUri();
    const caller = await router().join();
    const plain = await router().join({ roles: rolesWithout('call_reroute') });
    const other = await router().join();
    await plain.register(procedure, { invoke: 'first' });
    await other.register(procedure, { invoke: 'first' });
    const call = caller.call(procedure);
    refuse(plain, (await invocation(plain)).request, UNAVAILABLE, [['out to lunch']]);
    expect(await caller.receive()).toEqual([Code.ERROR, Code.CALL, call, {}, UNAVAILABLE, ['out to lunch']]);
    expect(await settled(caller, other)).toEqual(SILENCE);
  });

  it('forwards every other error, whichever callee it comes from (RRT-1, DLR-7)', async () => {
    const { procedure, caller, callees } = await sharing('first', 2);
    const call = caller.call(procedure);
    refuse(callees[0]!, (await invocation(callees[0]!)).request, NO_CALLEE, [['mine']]);
    expect(await caller.receive()).toEqual([Code.ERROR, Code.CALL, call, {}, NO_CALLEE, ['mine']]);
    expect(await settled(caller, callees[1]!)).toEqual(SILENCE);
  });

  it('does not reroute once progress was forwarded: the results of two callees do not mix (RRT-3)', async () => {
    const { procedure, caller, callees } = await sharing('first', 2);
    const call = caller.call(procedure, [], { receive_progress: true });
    const { request } = await invocation(callees[0]!);
    progress(callees[0]!, request, [1]);
    refuse(callees[0]!, request, UNAVAILABLE);
    expect(await caller.receive()).toEqual([Code.RESULT, call, { progress: true }, [1]]);
    expect(await callError(caller, call)).toBe(UNAVAILABLE);
    expect(await settled(caller, callees[1]!)).toEqual(SILENCE);
  });

  it('does not reroute a progressive call invocation that is streaming (RRT-3, PCI-4)', async () => {
    const { procedure, caller, callees } = await sharing('first', 2);
    const call = caller.call(procedure, [0], { progress: true });
    callAgain(caller, call, procedure, [1], { progress: true });
    await invocation(callees[0]!);
    refuse(callees[0]!, (await invocation(callees[0]!)).request, UNAVAILABLE);
    expect(await callError(caller, call)).toBe(UNAVAILABLE);
    callAgain(caller, call, procedure, [2]);
    for (const callee of callees) expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('gives a canceled call to nobody else (RRT-3, CAN-1)', async () => {
    const { procedure, caller, callees } = await sharing('first', 2);
    const call = caller.call(procedure);
    const { request } = await invocation(callees[0]!);
    cancel(caller, call, 'kill');
    await callees[0]!.expect(Code.INTERRUPT);
    refuse(callees[0]!, request, UNAVAILABLE);
    expect(await callError(caller, call)).toBe(UNAVAILABLE);
    expect(await settled(caller, callees[1]!)).toEqual(SILENCE);
  });

  it('discards what the callee that refused gives afterwards (RRT-1, DLR-10)', async () => {
    const { procedure, caller, callees } = await sharing('first', 2);
    const call = caller.call(procedure, [], { receive_progress: true });
    const { request } = await invocation(callees[0]!);
    refuse(callees[0]!, request, UNAVAILABLE);
    const second = await invocation(callees[1]!);
    progress(callees[0]!, request, ['changed my mind']);
    answer(callees[0]!, request, ['changed my mind']);
    expect(await settled(caller, callees[0]!)).toEqual(SILENCE);
    answer(callees[1]!, second.request, ['mine']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['mine']]);
  });

  it('takes the callee that is left when another unregistered meanwhile (RRT-1, SHR-7)', async () => {
    const { procedure, caller, callees } = await sharing('first', 3);
    const call = caller.call(procedure);
    const { request, registration } = await invocation(callees[0]!);
    callees[1]!.request(Code.UNREGISTER, registration);
    await callees[1]!.expect(Code.UNREGISTERED);
    refuse(callees[0]!, request, UNAVAILABLE);
    answer(callees[2]!, (await invocation(callees[2]!)).request, ['last resort']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['last resort']]);
  });
});
