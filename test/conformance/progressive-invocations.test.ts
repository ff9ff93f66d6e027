import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { describeConformance, type Router } from '../support/conformance.js';
import {
  abortedFor,
  answer,
  callAgain,
  callError,
  cancel,
  freshUri,
  invocation,
  progress,
  receiveUntil,
  refuse,
} from '../support/exchange.js';
import { depart, settled, SILENCE } from '../support/fences.js';
import { openRealm } from '../support/open-realm.js';
import { ALL_ROLES, rolesWithout, type RawClient } from '../support/raw-client.js';

const MORE = { progress: true };

interface Streaming {
  readonly caller: RawClient;
  readonly callee: RawClient;
  readonly procedure: string;
  readonly call: number;
  readonly request: number;
  readonly registration: number;
}

/** A call whose first chunk has reached its callee. */
async function streaming(router: () => Router, options: object = {}): Promise<Streaming> {
  const caller = await router().join();
  const callee = await router().join();
  const procedure = freshUri();
  const registration = await callee.register(procedure);
  const call = caller.call(procedure, [0], { ...MORE, ...options });
  const { request } = await invocation(callee);
  return { caller, callee, procedure, call, request, registration };
}

/** What holds wherever, and in the same way, whether request ids are checked or not. */
function declareCommon(router: () => Router): void {
  it('sends every CALL as an INVOCATION of one request id, progress on all but the last (PCI-1)', async () => {
    const caller = await router().join();
    const callee = await router().join();
    const procedure = freshUri();
    const registration = await callee.register(procedure);
    const call = caller.call(procedure, [0], MORE);
    for (const chunk of [1, 2]) callAgain(caller, call, procedure, [chunk], MORE);
    callAgain(caller, call, procedure, [3], { progress: false });
    for (const chunk of [0, 1, 2])
      expect(await callee.receive()).toEqual([Code.INVOCATION, 1, registration, { progress: true }, [chunk]]);
    expect(await callee.receive()).toEqual([Code.INVOCATION, 1, registration, {}, [3]]);
    answer(callee, 1, ['sum', 6]);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['sum', 6]]);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('carries 1,000 chunks in order, other requests of the caller between them (PCI-1, PCI-6, ORD-5)', async () => {
    const { caller, callee, procedure, call, request, registration } = await streaming(router);
    for (let chunk = 1; chunk < 1_000; chunk++) {
      callAgain(caller, call, procedure, [chunk], MORE);
      if (chunk % 100 === 0) caller.publish('com.example.meanwhile', [chunk]);
    }
    callAgain(caller, call, procedure);
    for (let chunk = 1; chunk < 1_000; chunk++)
      expect(await callee.receive()).toEqual([Code.INVOCATION, request, registration, MORE, [chunk]]);
    expect(await callee.receive()).toEqual([Code.INVOCATION, request, registration, {}]);
  });

  it('knows the feature of canceling by its other spelling too (PCI-2, X-2)', async () => {
    const { call_canceling: spelling, ...others } = ALL_ROLES.callee.features;
    const features = { ...others, call_cancelling: spelling };
    const caller = await router().join();
    const callee = await router().join({ roles: { ...ALL_ROLES, callee: { features } } });
    const procedure = freshUri();
    await callee.register(procedure);
    const call = caller.call(procedure, [0], MORE);
    const { request } = await invocation(callee);
    cancel(caller, call, 'kill');
    expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'kill' }]);
  });

  it('aborts a caller that did not announce the feature (PCI-3, PV-8)', async () => {
    const caller = await router().join({ roles: rolesWithout('progressive_call_invocations') });
    const callee = await router().join();
    const procedure = freshUri();
    await callee.register(procedure);
    caller.call(procedure, [0], MORE);
    expect(await abortedFor(caller)).toContain('progressive_call_invocations');
    expect(await settled(await router().join(), callee)).toEqual(SILENCE);
  });

  it.each(['progressive_call_invocations', 'call_canceling'])(
    'answers feature_not_supported for a callee without %s, and what follows not at all (PCI-2, PCI-3)',
    async (missing) => {
      const caller = await router().join();
      const callee = await router().join({ roles: rolesWithout(missing) });
      const procedure = freshUri();
      await callee.register(procedure);
      const call = caller.call(procedure, [0], MORE);
      expect(await callError(caller, call)).toBe('wamp.error.feature_not_supported');
      callAgain(caller, call, procedure, [1], MORE);
      callAgain(caller, call, procedure, [2]);
      expect(await settled(caller, callee)).toEqual(SILENCE);
      const plain = caller.call(procedure, ['plain']);
      // Nothing was invoked: the ids of the callee have no hole (ID-4); the fence was the first.
      expect((await invocation(callee)).request).toBe(2);
      expect(plain).toBeGreaterThan(call);
    },
  );

  it('answers no_such_procedure once, and not again for the chunks that follow (PCI-3, DLR-8)', async () => {
    const caller = await router().join();
    const nowhere = freshUri();
    const call = caller.call(nowhere, [0], MORE);
    for (const chunk of [1, 2]) callAgain(caller, call, nowhere, [chunk], MORE);
    callAgain(caller, call, nowhere, [3]);
    expect(await callError(caller, call)).toBe('wamp.error.no_such_procedure');
    expect(await caller.fence()).toEqual([]);
  });

  it('chooses the callee of a shared registration once (PCI-4)', async () => {
    const caller = await router().join();
    const callees = [await router().join(), await router().join()] as const;
    const procedure = freshUri();
    for (const callee of callees) await callee.register(procedure, { invoke: 'roundrobin' });
    const calls = [caller.call(procedure, ['a', 0], MORE), caller.call(procedure, ['b', 0], MORE)] as const;
    for (let chunk = 1; chunk < 5; chunk++) {
      callAgain(caller, calls[0], procedure, ['a', chunk], MORE);
      callAgain(caller, calls[1], procedure, ['b', chunk], MORE);
    }
    for (const [index, name] of ['a', 'b'].entries())
      for (let chunk = 0; chunk < 5; chunk++)
        expect((await invocation(callees[index]!)).payload).toEqual([[name, chunk]]);
    expect(await settled(caller, callees[0])).toEqual(SILENCE);
    expect(await settled(caller, callees[1])).toEqual(SILENCE);
  });

  it('does not match again when a better registration comes up meanwhile (PCI-4)', async () => {
    const caller = await router().join();
    const callees = [await router().join(), await router().join()] as const;
    const procedure = freshUri();
    await callees[0].register(procedure, { match: 'prefix' });
    const call = caller.call(`${procedure}.sub`, [0], MORE);
    const { request } = await invocation(callees[0]);
    await callees[1].register(`${procedure}.sub`);
    callAgain(caller, call, `${procedure}.sub`, [1]);
    expect(await invocation(callees[0])).toMatchObject({ request, details: { procedure: `${procedure}.sub` } });
    expect(await settled(caller, callees[1])).toEqual(SILENCE);
  });

  it('continues with the callee that has unregistered meanwhile (PCI-4, DLR-3)', async () => {
    const { caller, callee, procedure, call, request, registration } = await streaming(router);
    callee.request(Code.UNREGISTER, registration);
    await callee.expect(Code.UNREGISTERED);
    callAgain(caller, call, procedure, [1]);
    expect(await callee.receive()).toEqual([Code.INVOCATION, request, registration, {}, [1]]);
    answer(callee, request, ['done']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['done']]);
  });

  it('takes every option but progress from the first CALL: those that were there stay (PCI-5)', async () => {
    const caller = await router().join();
    const callee = await router().join();
    const procedure = freshUri();
    await callee.register(procedure, { match: 'prefix' });
    const frozen = { disclose_me: true, receive_progress: true, ppt_scheme: 'x_one', ppt_keyid: 'first' };
    const call = caller.call(procedure, [Buffer.of(0)], { ...MORE, ...frozen });
    callAgain(caller, call, procedure, [Buffer.of(1)], MORE);
    callAgain(caller, call, procedure, [Buffer.of(2)], { disclose_me: false, receive_progress: false });
    const details = {
      caller: caller.session,
      caller_authid: caller.welcome['authid'],
      caller_authrole: 'anonymous',
      procedure,
      receive_progress: true,
      ppt_scheme: 'x_one',
      ppt_keyid: 'first',
    };
    expect((await invocation(callee)).details).toEqual({ ...details, progress: true });
    expect((await invocation(callee)).details).toEqual({ ...details, progress: true });
    const last = await invocation(callee);
    expect(last.details).toEqual(details);
    progress(callee, last.request, ['still wanted']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, { progress: true }, ['still wanted']]);
  });

  it('takes every option but progress from the first CALL: later ones do not count (PCI-5)', async () => {
    const { caller, callee, procedure, call, request, registration } = await streaming(router);
    const late = { disclose_me: true, receive_progress: true, timeout: 1, ppt_scheme: 'x_late', _custom: 1 };
    // Bytes, as a message with ppt_scheme must have: its sender claims a form that the call does not have.
    callAgain(caller, call, procedure, [Uint8Array.of(1)], { ...MORE, ...late });
    callAgain(caller, call, procedure, [Uint8Array.of(2)], late);
    for (const [details, byte] of [
      [MORE, 1],
      [{}, 2],
    ] as const) {
      const [code, id, of, given, args] = await callee.receive();
      expect([code, id, of, given]).toEqual([Code.INVOCATION, request, registration, details]);
      expect((args as Uint8Array[]).map((bytes) => [...bytes])).toEqual([[byte]]);
    }
    progress(callee, request, ['nobody asked']);
    // A clock: this call ends long after the timeout that must not have counted.
    const mute = await router().join();
    const silent = freshUri();
    await mute.register(silent);
    const clock = caller.call(silent, [], { timeout: 100 });
    expect(await callError(caller, clock)).toBe('wamp.error.timeout');
    answer(callee, request, ['done']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['done']]);
  });

  it('aborts a caller that continues a call which is not progressive (PCI-6, PV-10)', async () => {
    const caller = await router().join();
    const callee = await router().join();
    const procedure = freshUri();
    await callee.register(procedure);
    const call = caller.call(procedure, ['all of it']);
    const { request } = await invocation(callee);
    callAgain(caller, call, procedure, ['more'], MORE);
    await abortedFor(caller);
    expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
  });

  it('aborts a caller that goes on after its last chunk (PCI-6, PV-10)', async () => {
    const { caller, callee, procedure, call, request } = await streaming(router);
    callAgain(caller, call, procedure, ['last']);
    await invocation(callee);
    callAgain(caller, call, procedure, ['after the last']);
    await abortedFor(caller);
    expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
  });

  it.each(['YIELD', 'ERROR'])(
    'ignores chunks after the final %s of the callee without a word (PCI-7, PCI-8)',
    async (how) => {
      const { caller, callee, procedure, call, request } = await streaming(router);
      if (how === 'YIELD') answer(callee, request, ['enough']);
      else refuse(callee, request, 'com.example.enough');
      expect((await caller.receive())[0]).toBe(how === 'YIELD' ? Code.RESULT : Code.ERROR);
      for (const chunk of [1, 2, 3]) callAgain(caller, call, procedure, [chunk], MORE);
      callAgain(caller, call, procedure, [4]);
      expect(await settled(caller, callee)).toEqual(SILENCE);
    },
  );

  it('gives one answer when chunks and the final answer cross (PCI-7, PCI-8, DLR-8)', async () => {
    const { caller, callee, procedure, call, request } = await streaming(router);
    for (let chunk = 1; chunk < 50; chunk++) {
      callAgain(caller, call, procedure, [chunk], MORE);
      if (chunk === 25) answer(callee, request, ['enough']);
    }
    callAgain(caller, call, procedure, [50]);
    const { atCaller, atCallee } = await settled(caller, callee);
    expect(atCaller).toEqual([[Code.RESULT, call, {}, ['enough']]]);
    // What reached it before its answer was read: the first of what was sent, none left out.
    expect(atCallee.map(([, , , , args]) => args)).toEqual(atCallee.map((_, index) => [index + 1]));
  });

  it('ignores chunks after the callee has left (PCI-7, DLR-12)', async () => {
    const { caller, callee, procedure, call } = await streaming(router);
    const other = await router().join();
    depart(callee, 'GOODBYE');
    expect(await callError(caller, call)).toBe('wamp.error.canceled');
    await other.register(procedure);
    callAgain(caller, call, procedure, [1], MORE);
    callAgain(caller, call, procedure, [2]);
    expect(await settled(caller, other)).toEqual(SILENCE);
  });

  it.each(['skip', 'kill', 'killnowait'])('ignores chunks after CANCEL with %s (PCI-7, CAN-1)', async (mode) => {
    const { caller, callee, procedure, call, request } = await streaming(router);
    cancel(caller, call, mode);
    callAgain(caller, call, procedure, [1], MORE);
    callAgain(caller, call, procedure, [2]);
    if (mode !== 'skip') expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode }]);
    // By the other modes the caller has its answer without the callee.
    if (mode !== 'kill') expect(await callError(caller, call)).toBe('wamp.error.canceled');
    refuse(callee, request, 'com.example.stopped');
    if (mode === 'kill') expect(await callError(caller, call)).toBe('com.example.stopped');
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('answers both ways at once: chunks and progress share their request ids (PCI-9, ORD-5)', async () => {
    const { caller, callee, procedure, call, request } = await streaming(router, { receive_progress: true });
    const rounds = 100;
    for (let round = 1; round <= rounds; round++) {
      callAgain(caller, call, procedure, [round], round < rounds ? MORE : {});
      const invoked = await invocation(callee);
      expect(invoked).toMatchObject({ request, payload: [[round]] });
      progress(callee, invoked.request, [round, 'a']);
      progress(callee, invoked.request, [round, 'b']);
    }
    answer(callee, request, ['end']);
    const received = await receiveUntil(caller, ([, , details]) => (details as { progress?: true }).progress !== true);
    expect(received.map(([, answered]) => answered)).toEqual(received.map(() => call));
    expect(received.map(([, , , args]) => args)).toEqual([
      ...Array.from({ length: rounds }, (_, index) => [
        [index + 1, 'a'],
        [index + 1, 'b'],
      ]).flat(),
      ['end'],
    ]);
  });

  it('aborts a caller that continues a call with another procedure (PCI-10)', async () => {
    const { caller, callee, procedure, call, request } = await streaming(router);
    callAgain(caller, call, `${procedure}.other`, [1], MORE);
    await abortedFor(caller);
    expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
  });

  it('counts the timeout from the first CALL; more chunks do not prolong it (PCI-11)', async () => {
    const { caller, callee, procedure, call, request } = await streaming(router, { timeout: 100 });
    callAgain(caller, call, procedure, [1], MORE);
    await invocation(callee);
    expect(await callError(caller, call)).toBe('wamp.error.timeout');
    expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
    callAgain(caller, call, procedure, [2]);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });
}

describeConformance('progressive-invocations', (router) => {
  declareCommon(router);

  it('continues calls all the same, and ignores what follows the final answer (PCI-1, PCI-7)', async () => {
    const caller = await router().join();
    const callee = await router().join();
    const procedure = freshUri();
    await callee.register(procedure);
    const call = 4_711;
    for (const chunk of [0, 1]) callAgain(caller, call, procedure, [chunk], MORE);
    expect(await invocation(callee)).toMatchObject({ request: 1, details: MORE, payload: [[0]] });
    expect(await invocation(callee)).toMatchObject({ request: 1, details: MORE, payload: [[1]] });
    answer(callee, 1, ['enough']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['enough']]);
    callAgain(caller, call, procedure, [2], MORE);
    callAgain(caller, call, procedure, [3]);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });
});

describeConformance(
  'progressive-invocations with request ids checked',
  (router) => {
    declareCommon(router);

    it('aborts a caller whose request id leaves a gap (PCI-6, PV-10)', async () => {
      const { caller, callee, procedure, call, request } = await streaming(router);
      callAgain(caller, call + 2, procedure, [1], MORE);
      await abortedFor(caller);
      expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
    });

    it('aborts a caller without the feature that repeats a request id (PCI-6, PV-5)', async () => {
      const caller = await router().join({ roles: rolesWithout('progressive_call_invocations') });
      const procedure = freshUri();
      const call = caller.call(procedure, []);
      expect(await callError(caller, call)).toBe('wamp.error.no_such_procedure');
      callAgain(caller, call, procedure, []);
      await abortedFor(caller);
    });

    it('ignores chunks that follow the last one of a call that is over (PCI-6, PCI-7)', async () => {
      const { caller, callee, procedure, call, request } = await streaming(router);
      callAgain(caller, call, procedure, ['last']);
      await invocation(callee);
      answer(callee, request, ['done']);
      expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['done']]);
      callAgain(caller, call, procedure, ['after the last'], MORE);
      callAgain(caller, call, procedure, ['after that']);
      expect(await settled(caller, callee)).toEqual(SILENCE);
    });
  },
  openRealm({ requestIdCheck: 'strict' }),
);
