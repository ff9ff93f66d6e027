import { describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { answer, callAgain, callError, cancel, freshUri, invocation, progress, refuse } from '../support/exchange.js';
import { depart, DEPARTURES, leave, settled, SILENCE } from '../support/fences.js';
import { ALL_ROLES, rolesWithout, type RawClient } from '../support/raw-client.js';
import { describeApart } from '../support/uneven-lanes.js';

/** Where a call may be when one of its peers leaves. */
const PHASES = ['invoked', 'after progress', 'amid its chunks', 'after its last chunk', 'canceled with kill'] as const;
type Phase = (typeof PHASES)[number];

interface InPhase {
  readonly procedure: string;
  readonly call: number;
  readonly request: number;
}

/** Makes a call and brings it there; neither peer has anything unread. */
async function callInPhase(caller: RawClient, callee: RawClient, phase: Phase): Promise<InPhase> {
  const procedure = freshUri();
  await callee.register(procedure);
  const isStream = phase === 'amid its chunks' || phase === 'after its last chunk';
  const call = caller.call(procedure, [0], { receive_progress: true, progress: isStream });
  const { request } = await invocation(callee);
  switch (phase) {
    case 'invoked':
      break;
    case 'after progress':
      progress(callee, request, ['some']);
      await caller.expect(Code.RESULT);
      break;
    case 'amid its chunks':
    case 'after its last chunk':
      callAgain(caller, call, procedure, [1], { progress: phase === 'amid its chunks' });
      await invocation(callee);
      break;
    case 'canceled with kill':
      cancel(caller, call, 'kill');
      await callee.expect(Code.INTERRUPT);
      break;
  }
  return { procedure, call, request };
}

describeApart('peers-leaving', (router) => {
  describe.each(DEPARTURES)('by %s', (how) => {
    it.each(PHASES)('interrupts the callee when the caller leaves: %s (DLR-11)', async (phase) => {
      const caller = await router().joinAt(0);
      const witness = await router().joinAt(0);
      const callee = await router().joinAt(1);
      const { request } = await callInPhase(caller, callee, phase);
      await leave(caller, how, witness);
      // A callee that was interrupted already receives no second INTERRUPT.
      if (phase !== 'canceled with kill')
        expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
      expect(await settled(witness, callee)).toEqual(SILENCE);
      if (phase === 'invoked') refuse(callee, request, 'wamp.error.canceled');
      else answer(callee, request, ['for nobody']);
      progress(callee, request, ['for nobody']);
      expect(await settled(witness, callee)).toEqual(SILENCE);
    });

    it('sends a callee nothing that did not announce canceling, and discards its answer (DLR-11)', async () => {
      const caller = await router().joinAt(0);
      const witness = await router().joinAt(0);
      const callee = await router().joinAt(1, { roles: rolesWithout('call_canceling') });
      const calls = [await callInPhase(caller, callee, 'invoked'), await callInPhase(caller, callee, 'after progress')];
      await leave(caller, how, witness);
      expect(await settled(witness, callee)).toEqual(SILENCE);
      for (const { request } of calls) {
        progress(callee, request, ['for nobody']);
        answer(callee, request, ['for nobody']);
      }
      expect(await settled(witness, callee)).toEqual(SILENCE);
    });

    it.each(PHASES)('answers canceled, once, when the callee leaves: %s (DLR-12, X-1)', async (phase) => {
      const caller = await router().joinAt(0);
      const callee = await router().joinAt(1);
      const witness = await router().joinAt(1);
      const { procedure, call } = await callInPhase(caller, callee, phase);
      await leave(callee, how, witness);
      expect(await callError(caller, call)).toBe('wamp.error.canceled');
      if (phase === 'amid its chunks') {
        callAgain(caller, call, procedure, [2], { progress: true });
        callAgain(caller, call, procedure, [3]);
      }
      expect(await settled(caller, witness)).toEqual(SILENCE);
      expect(await callError(caller, caller.call(procedure))).toBe('wamp.error.no_such_procedure');
    });

    it('answers every caller of a callee that leaves, and none of another (DLR-12)', async () => {
      const callers = [await router().joinAt(0), await router().joinAt(1), await router().joinAt(2)];
      const [leaving, staying, witness] = [
        await router().joinAt(1),
        await router().joinAt(1),
        await router().joinAt(1),
      ] as const;
      const procedures = [freshUri(), freshUri()] as const;
      await leaving.register(procedures[0]);
      await staying.register(procedures[1]);
      const calls: { caller: RawClient; lost: number[]; kept: number; request: number }[] = [];
      for (const caller of callers) {
        const lost = [caller.call(procedures[0]), caller.call(procedures[0])];
        const kept = caller.call(procedures[1]);
        calls.push({ caller, lost, kept, request: (await invocation(staying)).request });
      }
      for (let call = 0; call < callers.length * 2; call++) await invocation(leaving);
      await leave(leaving, how, witness);
      for (const { caller, lost } of calls)
        for (const call of lost) expect(await callError(caller, call)).toBe('wamp.error.canceled');
      for (const { caller, kept, request } of calls) {
        answer(staying, request, ['still here']);
        expect(await caller.receive()).toEqual([Code.RESULT, kept, {}, ['still here']]);
        expect(await settled(caller, witness)).toEqual(SILENCE);
      }
    });

    it('interrupts every callee of a caller that leaves, and for no other caller (DLR-11)', async () => {
      const [leaving, staying] = [await router().joinAt(0), await router().joinAt(0)] as const;
      const callees = [await router().joinAt(0), await router().joinAt(1), await router().joinAt(2)];
      const calls = [];
      for (const callee of callees) {
        const { request } = await callInPhase(leaving, callee, 'invoked');
        calls.push({ callee, request, kept: await callInPhase(staying, callee, 'invoked') });
      }
      await leave(leaving, how, staying);
      for (const { callee, request } of calls)
        expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
      for (const { callee, kept } of calls) {
        answer(callee, kept.request, ['still wanted']);
        expect(await staying.receive()).toEqual([Code.RESULT, kept.call, {}, ['still wanted']]);
        expect(await settled(staying, callee)).toEqual(SILENCE);
      }
    });

    it('takes a callee that leaves out of every registration it held (DLR-12, SES-13)', async () => {
      const [callee, witness, caller] = [
        await router().joinAt(0),
        await router().joinAt(0),
        await router().joinAt(1),
      ] as const;
      const own = freshUri();
      await callee.register(`${own}.exact`);
      await callee.register(`${own}.prefix`, { match: 'prefix' });
      await callee.register(`${own}..wildcard`, { match: 'wildcard' });
      await callee.register(`${own}.shared`, { invoke: 'random' });
      await leave(callee, how, witness);
      for (const procedure of ['exact', 'prefix.sub', 'x.wildcard', 'shared'])
        expect(await callError(caller, caller.call(`${own}.${procedure}`))).toBe('wamp.error.no_such_procedure');
      // Gone from the cluster too, not only out of reach: another may take them at once.
      await caller.register(`${own}.exact`);
      await caller.register(`${own}.shared`, { invoke: 'single' });
    });

    it('ends a call to itself without a trace when a session leaves (DLR-11, DLR-12)', async () => {
      const [both, witness] = [await router().joinAt(0), await router().joinAt(0)] as const;
      const { procedure } = await callInPhase(both, both, 'invoked');
      await leave(both, how, witness);
      expect(await callError(witness, witness.call(procedure))).toBe('wamp.error.no_such_procedure');
    });

    it('ends the calls in the middle of a chain, towards both ends (DLR-11, DLR-12)', async () => {
      const [caller, middle, callee] = [
        await router().joinAt(0),
        await router().joinAt(1),
        await router().joinAt(2),
      ] as const;
      const outer = await callInPhase(caller, middle, 'invoked');
      const inner = await callInPhase(middle, callee, 'invoked');
      depart(middle, how);
      expect(await callError(caller, outer.call)).toBe('wamp.error.canceled');
      expect(await callee.receive()).toEqual([Code.INTERRUPT, inner.request, { mode: 'killnowait' }]);
      expect(await settled(caller, callee)).toEqual(SILENCE);
    });
  });

  it('answers once when the callee answers and leaves in one breath (DLR-8, DLR-12)', async () => {
    const caller = await router().joinAt(0);
    const callee = await router().joinAt(1);
    const other = await router().joinAt(1);
    const { call, request } = await callInPhase(caller, callee, 'invoked');
    answer(callee, request, ['last words']);
    depart(callee, 'GOODBYE');
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['last words']]);
    await callee.expect(Code.GOODBYE);
    expect(await settled(caller, other)).toEqual(SILENCE);
  });

  it('interrupts nobody for calls that had their answer (DLR-11)', async () => {
    const caller = await router().joinAt(0);
    const witness = await router().joinAt(0);
    const callee = await router().joinAt(1);
    const { call, request } = await callInPhase(caller, callee, 'invoked');
    answer(callee, request, ['done']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['done']]);
    await leave(caller, 'GOODBYE', witness);
    expect(await settled(witness, callee)).toEqual(SILENCE);
  });

  it('sends nothing after GOODBYE to a peer that leaves amid calls (SES-12)', async () => {
    const [caller, callee] = [await router().joinAt(0), await router().joinAt(1)] as const;
    const calls = [];
    for (let count = 0; count < 20; count++) calls.push(await callInPhase(caller, callee, 'invoked'));
    for (const { request } of calls) answer(callee, request, ['crossing']);
    depart(caller, 'GOODBYE');
    for (;;) if ((await caller.receive())[0] === Code.GOODBYE) break;
    // A session on the same transport comes after everything the last one was sent.
    await caller.hello({ roles: ALL_ROLES });
    expect(await caller.fence()).toEqual([]);
  });

  it('serves a session that joins anew on the same transport, with none of the old calls (SES-14, SES-13)', async () => {
    const [caller, callee] = [await router().joinAt(0), await router().joinAt(1)] as const;
    const { procedure, request } = await callInPhase(caller, callee, 'invoked');
    depart(caller, 'GOODBYE');
    await caller.expect(Code.GOODBYE);
    await caller.hello();
    expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
    answer(callee, request, ['for the session before']);
    const call = caller.call(procedure, ['anew']);
    answer(callee, (await invocation(callee)).request, ['anew']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['anew']]);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });
});
