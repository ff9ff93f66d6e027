import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { answer, callError, freshUri, invocation, refuse, registerError } from '../support/exchange.js';
import { depart, DEPARTURES, leave, settled, SILENCE } from '../support/fences.js';
import { openRealm } from '../support/open-realm.js';
import type { Message } from '../support/raw-client.js';
import { Responder, whoAnswers } from '../support/responder.js';
import { describeApart } from '../support/uneven-lanes.js';

const POLICIES = ['single', 'roundrobin', 'random', 'first', 'last'] as const;
const SHARED = ['roundrobin', 'random', 'first', 'last'] as const;
const TAKEN = 'wamp.error.procedure_already_exists';

describeApart('shared-registration', (router) => {
  /** Callees that answer by themselves, in the order in which they registered, spread over the nodes. */
  async function sharing(invoke: string, count: number) {
    const procedure = freshUri();
    const callees: Responder[] = [];
    const ids = new Set<number>();
    for (let index = 0; index < count; index++) {
      const callee = new Responder(await router().join());
      ids.add(await callee.register(procedure, { invoke }));
      callees.push(callee);
    }
    const caller = await router().join();
    const registration = [...ids][0]!;
    /** Indices of the callees that answer that many calls, one after the other. */
    const served = async (callCount: number, by = caller): Promise<number[]> => {
      const indices: number[] = [];
      for (let call = 0; call < callCount; call++) {
        const called = await whoAnswers(by, procedure);
        if (typeof called === 'string') throw new Error(called);
        indices.push(callees.findIndex(({ client }) => client.session === called.session));
      }
      return indices;
    };
    return { procedure, callees, ids, registration, caller, served };
  }

  it.each(POLICIES)(
    'lets nobody share with %s what another policy holds, nor what is single (SHR-1, SHR-2)',
    async (invoke) => {
      const procedure = freshUri();
      await (await router().join()).register(procedure, { invoke });
      for (const other of POLICIES) {
        const second = await router().join();
        if (other === invoke && invoke !== 'single') await second.register(procedure, { invoke: other });
        else expect(await registerError(second, procedure, { invoke: other })).toBe(TAKEN);
      }
    },
  );

  it('takes single for granted when REGISTER names no policy (SHR-1)', async () => {
    const procedure = freshUri();
    await (await router().join()).register(procedure);
    expect(await registerError(await router().join(), procedure)).toBe(TAKEN);
    expect(await registerError(await router().join(), procedure, { invoke: 'roundrobin' })).toBe(TAKEN);
  });

  it('calls in turn, in the order of registration, wherever the callees are (SHR-3 roundrobin)', async () => {
    const { served } = await sharing('roundrobin', 4);
    expect(await served(10)).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 0, 1]);
  });

  it('calls everyone in the long run, in no order (SHR-3 random)', async () => {
    const { served } = await sharing('random', 3);
    const indices = await served(90);
    expect(new Set(indices)).toEqual(new Set([0, 1, 2]));
    // Of 90 draws at random it never happens that each is the one after the one before.
    expect(indices).not.toEqual(indices.map((_, call) => (indices[0]! + call) % 3));
  });

  it.each([
    ['first', [0, 1, 2]],
    ['last', [2, 1, 0]],
  ])('calls the %s registered that is still there, from every node (SHR-3)', async (invoke, order) => {
    const { served, callees, registration } = await sharing(invoke, 3);
    const callers = [await router().join(), await router().join(), await router().join()];
    for (const index of order) {
      for (const caller of callers) expect(await served(2, caller)).toEqual([index, index]);
      await callees[index]!.unregister(registration);
    }
  });

  it.each([
    ['first', 1],
    ['last', 0],
  ])('puts one that registers again at the end of the line: %s (SHR-3)', async (invoke, expected) => {
    const { served, callees, registration, procedure } = await sharing(invoke, 2);
    await callees[0]!.unregister(registration);
    await callees[0]!.register(procedure, { invoke });
    expect(await served(2)).toEqual([expected, expected]);
  });

  it.each(SHARED)(
    'gives all callees the same registration id, and it goes with the last of them: %s (SHR-4)',
    async (invoke) => {
      const { callees, ids, registration, caller, procedure } = await sharing(invoke, 3);
      expect(ids.size).toBe(1);
      for (const callee of callees) {
        expect(typeof (await whoAnswers(caller, procedure))).toBe('object');
        await callee.unregister(registration);
      }
      expect(await whoAnswers(caller, procedure)).toBe('wamp.error.no_such_procedure');
      // Nothing of the old policy is left.
      await (await router().join()).register(procedure, { invoke: 'single' });
    },
  );

  it.each(POLICIES)('does not let a session register the same a second time: %s (DLR-4)', async (invoke) => {
    const procedure = freshUri();
    const callee = await router().join();
    await callee.register(procedure, { invoke });
    expect(await registerError(callee, procedure, { invoke })).toBe(TAKEN);
    await callee.register(procedure, { invoke, match: 'prefix' });
    const caller = await router().join();
    for (let call = 0; call < 2; call++) {
      caller.call(procedure);
      expect((await invocation(callee)).details).toEqual({});
    }
  });

  it('refuses the second of two REGISTERs of one session that are sent together (DLR-4)', async () => {
    const procedure = freshUri();
    const callee = await router().join();
    const requests = [1, 2].map(() => callee.request(Code.REGISTER, { invoke: 'roundrobin' }, procedure));
    const answers = [await callee.receive(), await callee.receive()];
    expect(answers.find(([code]) => code === Code.REGISTERED)?.[1]).toBe(requests[0]);
    expect(answers.find(([code]) => code === Code.ERROR)?.slice(1, 5)).toEqual([Code.REGISTER, requests[1], {}, TAKEN]);
  });

  it('takes the turn on from the right place when callees leave and others come (SHR-5)', async () => {
    const { served, callees, registration, procedure } = await sharing('roundrobin', 4);
    expect(await served(2)).toEqual([0, 1]);
    await callees[1]!.unregister(registration);
    expect(await served(3)).toEqual([2, 3, 0]);
    await callees[3]!.unregister(registration);
    expect(await served(3)).toEqual([2, 0, 2]);
    await callees[3]!.register(procedure, { invoke: 'roundrobin' });
    expect(await served(4)).toEqual([3, 0, 2, 3]);
  });

  it.each(DEPARTURES)('leaves no ghost behind a callee that left by %s (SHR-5)', async (how) => {
    const procedure = freshUri();
    const witness = await router().joinAt(0);
    const leaver = await router().joinAt(0);
    await leaver.register(procedure, { invoke: 'roundrobin' });
    const callees = [new Responder(await router().joinAt(1)), new Responder(await router().joinAt(2))];
    for (const callee of callees) await callee.register(procedure, { invoke: 'roundrobin' });
    await leave(leaver, how, witness);
    const caller = await router().joinAt(1);
    for (let call = 0; call < 12; call++) expect(typeof (await whoAnswers(caller, procedure))).toBe('object');
    expect(callees.map(({ invocationCount }) => invocationCount)).toEqual([6, 6]);
  });

  it.each(['first', 'last', 'roundrobin'] as const)(
    'keeps to %s through sixty changes of who is registered where (SHR-3, SHR-5, SHR-6)',
    async (invoke) => {
      const procedure = freshUri();
      const everyone: Responder[] = [];
      for (let index = 0; index < 6; index++) everyone.push(new Responder(await router().join()));
      const callers = [await router().join(), await router().join(), await router().join()];
      const line: Responder[] = [];
      let registration = 0;
      for (let change = 0; change < 60; change++) {
        // Any fixed sequence will do that lengthens and shortens the line everywhere.
        const one = everyone[(change * change + 3 * change) % everyone.length]!;
        const place = line.indexOf(one);
        if (place === -1) {
          registration = await one.register(procedure, { invoke });
          line.push(one);
        } else {
          await one.unregister(registration);
          line.splice(place, 1);
        }
        const caller = callers[change % callers.length]!;
        const served: unknown[] = [];
        for (let call = 0; call < Math.max(1, line.length); call++) {
          const called = await whoAnswers(caller, procedure);
          served.push(typeof called === 'string' ? called : called.session);
        }
        const sessions = line.map(({ client }) => client.session);
        if (sessions.length === 0) expect(served).toEqual(['wamp.error.no_such_procedure']);
        else if (invoke === 'roundrobin') expect(new Set(served)).toEqual(new Set(sessions));
        else expect(served).toEqual(sessions.map(() => (invoke === 'first' ? sessions[0] : sessions.at(-1))));
      }
    },
  );

  it('lets one of many win who register the same at once on all nodes (SHR-2, SHR-6)', async () => {
    const procedure = freshUri();
    const callees = [];
    for (let index = 0; index < 9; index++) callees.push(await router().join());
    for (const callee of callees) callee.request(Code.REGISTER, {}, procedure);
    const answers: Message[] = [];
    for (const callee of callees) answers.push(await callee.receive());
    expect(answers.filter(([code]) => code === Code.REGISTERED)).toHaveLength(1);
    expect(answers.filter((message) => message[4] === TAKEN)).toHaveLength(8);
  });

  it('lets one policy win of those that are registered at once on all nodes (SHR-2, SHR-6)', async () => {
    const procedure = freshUri();
    const policies = [...SHARED, ...SHARED, ...SHARED];
    const callees = [];
    for (const invoke of policies) callees.push({ invoke, client: await router().join() });
    for (const { client, invoke } of callees) client.request(Code.REGISTER, { invoke }, procedure);
    const granted = new Set<string>();
    const refused = new Set<string>();
    const ids = new Set<unknown>();
    for (const { client, invoke } of callees) {
      const message = await client.receive();
      if (message[0] === Code.REGISTERED) {
        granted.add(invoke);
        ids.add(message[2]);
      } else {
        expect(message[4]).toBe(TAKEN);
        refused.add(invoke);
      }
    }
    expect(granted.size).toBe(1);
    expect(ids.size).toBe(1);
    expect([...refused].filter((invoke) => granted.has(invoke))).toEqual([]);
  });

  it.each(SHARED)('finds another callee for calls that meet one which is unregistering: %s (SHR-7)', async (invoke) => {
    const { callees, registration, caller, procedure } = await sharing(invoke, 3);
    const rounds = 6;
    for (let round = 0; round < rounds; round++) {
      const changing = callees[1 + (round % 2)]!;
      const calls: number[] = [];
      for (let call = 0; call < 20; call++) calls.push(caller.call(procedure));
      const unregistered = changing.unregister(registration);
      for (let call = 0; call < 20; call++) calls.push(caller.call(procedure));
      await unregistered;
      const answered: unknown[] = [];
      for (let call = 0; call < calls.length; call++) {
        const message = await caller.receive();
        expect(message.slice(0, 3)).toEqual([Code.RESULT, message[1], {}]);
        answered.push(message[1]);
      }
      expect(new Set(answered)).toEqual(new Set(calls));
      await changing.register(procedure, { invoke });
    }
  });

  it('answers every call once while callees drop out of a shared registration (SHR-7, DLR-12, G3)', async () => {
    const { callees, caller, procedure } = await sharing('roundrobin', 4);
    const calls: number[] = [];
    for (let call = 0; call < 200; call++) {
      calls.push(caller.call(procedure));
      if (call === 60) depart(callees[1]!.client, 'a dropped socket');
      if (call === 120) depart(callees[2]!.client, 'GOODBYE');
    }
    const answered: unknown[] = [];
    for (let call = 0; call < calls.length; call++) {
      const message = await caller.receive();
      if (message[0] === Code.ERROR) expect(message[4]).toBe('wamp.error.canceled');
      answered.push(message[0] === Code.RESULT ? message[1] : message[2]);
    }
    expect(new Set(answered)).toEqual(new Set(calls));
    expect(await caller.fence()).toEqual([]);
  });

  it('passes over callees that are at their concurrency, and reports it when all are (SHR-1)', async () => {
    const procedure = freshUri();
    const caller = await router().join();
    const callees = [await router().join(), await router().join()] as const;
    await callees[0].register(procedure, { invoke: 'first', concurrency: 1 });
    await callees[1].register(procedure, { invoke: 'first', concurrency: 2 });
    const calls = [1, 2, 3].map(() => caller.call(procedure));
    const invocations = [await invocation(callees[0]), await invocation(callees[1]), await invocation(callees[1])];
    const surplus = caller.call(procedure);
    expect(await callError(caller, surplus)).toBe('wamp.error.no_available_callee');
    answer(callees[1], invocations[1]!.request, ['free']);
    const [, freed] = await caller.expect(Code.RESULT);
    expect(calls).toContain(freed);
    caller.call(procedure);
    await invocation(callees[1]);
    expect(await callError(caller, caller.call(procedure))).toBe('wamp.error.no_available_callee');
  });

  it.each(['YIELD', 'ERROR'])('takes another call for one that ended by %s (concurrency)', async (end) => {
    const procedure = freshUri();
    const caller = await router().joinAt(0);
    const callee = await router().joinAt(1);
    await callee.register(procedure, { concurrency: 1 });
    caller.call(procedure);
    const { request } = await invocation(callee);
    expect(await callError(caller, caller.call(procedure))).toBe('wamp.error.no_available_callee');
    if (end === 'YIELD') answer(callee, request);
    else refuse(callee, request, 'com.example.no');
    await caller.receive();
    caller.call(procedure, ['next']);
    expect((await invocation(callee)).payload).toEqual([['next']]);
  });

  it('holds sessions to concurrency each for itself, and other procedures not at all', async () => {
    const procedure = freshUri();
    const caller = await router().join();
    const callee = await router().join();
    await callee.register(procedure, { concurrency: 1 });
    await callee.register(`${procedure}.other`);
    caller.call(procedure);
    for (let call = 0; call < 3; call++) caller.call(`${procedure}.other`);
    for (let call = 0; call < 4; call++) await invocation(callee);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });
});

describeApart(
  'shared-registration with the error of Crossbar.io',
  (router) => {
    it.each(POLICIES)('reports by that name that all callees are busy: %s (concurrency)', async (invoke) => {
      const procedure = freshUri();
      const caller = await router().join();
      const callee = await router().join();
      await callee.register(procedure, { invoke, concurrency: 1 });
      const first = caller.call(procedure);
      const { request } = await invocation(callee);
      expect(await callError(caller, caller.call(procedure))).toBe('crossbar.error.max_concurrency_reached');
      answer(callee, request, ['done']);
      expect(await caller.receive()).toEqual([Code.RESULT, first, {}, ['done']]);
    });

    it('leaves its own name to what is unavailable (RRT-2)', async () => {
      const procedure = freshUri();
      const caller = await router().join();
      const callee = await router().join();
      await callee.register(procedure);
      const call = caller.call(procedure);
      refuse(callee, (await invocation(callee)).request, 'wamp.error.unavailable');
      expect(await callError(caller, call)).toBe('wamp.error.no_available_callee');
    });
  },
  openRealm({ busyError: 'crossbar' }),
);
