import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance } from '../support/conformance.js';
import { expectError } from '../support/endings.js';
import { rolesWithout, type RawClient } from '../support/raw-client.js';

const PROCEDURE = 'com.example.procedure';

describeConformance('registering', (router) => {
  it('answers REGISTER, and from then on every call made anywhere finds it (DLR-1, DLR-5, G2)', async () => {
    const callers: RawClient[] = [];
    for (let node = 0; node < router().nodeCount; node++) callers.push(await router().joinAt(node));
    for (let round = 0; round < 5; round++) {
      const callee = await router().join();
      const procedure = `${PROCEDURE}.${round}`;
      const registration = await callee.register(procedure);
      for (const [index, caller] of callers.entries()) {
        const request = caller.call(procedure, [round]);
        expect(await callee.receive()).toEqual([Code.INVOCATION, index + 1, registration, {}, [round]]);
        callee.send([Code.YIELD, index + 1, {}, [index]]);
        expect(await caller.receive()).toEqual([Code.RESULT, request, {}, [index]]);
      }
    }
  });

  it('sends REGISTERED before the first INVOCATION, however eager the callers (ORD-4)', async () => {
    const callers: RawClient[] = [];
    for (let node = 0; node < router().nodeCount; node++) callers.push(await router().joinAt(node));
    const callee = await router().join();
    for (let round = 0; round < 5; round++) {
      const procedure = `${PROCEDURE}.${round}`;
      const request = callee.request(Code.REGISTER, {}, procedure);
      for (const caller of callers) for (let call = 0; call < 5; call++) caller.call(procedure);
      const [code, answered] = await callee.receive();
      expect([code, answered]).toEqual([Code.REGISTERED, request]);
      // Each of them got there or received that there was nothing yet; none is left without an answer.
      let answeredCount = 0;
      const answerAll = async (): Promise<void> => {
        for (const message of await callee.fence()) {
          expect(message[0]).toBe(Code.INVOCATION);
          callee.send([Code.YIELD, message[1], {}]);
        }
      };
      await answerAll();
      for (const caller of callers) {
        for (let call = 0; call < 5; call++) {
          await answerAll();
          expect([Code.RESULT, Code.ERROR]).toContain((await caller.receive())[0]);
          answeredCount++;
        }
      }
      expect(answeredCount).toBe(5 * callers.length);
    }
  });

  it('refuses a procedure that another session has, on whichever node, and takes nothing from that (DLR-1)', async () => {
    const holder = await router().join();
    const caller = await router().join();
    await holder.register(PROCEDURE);
    for (let node = 0; node < router().nodeCount; node++) {
      const rival = await router().joinAt(node);
      const request = rival.request(Code.REGISTER, {}, PROCEDURE);
      expect(await expectError(rival, Code.REGISTER, request, ErrorUri.PROCEDURE_ALREADY_EXISTS)).toContain(PROCEDURE);
    }
    caller.call(PROCEDURE);
    await holder.expect(Code.INVOCATION);
  });

  it('gives a contested procedure to one of those who ask at once (DLR-1)', async () => {
    const rivals = [await router().join(), await router().join(), await router().join(), await router().join()];
    for (const rival of rivals) rival.request(Code.REGISTER, {}, PROCEDURE);
    const answers = await Promise.all(rivals.map((rival) => rival.receive()));
    expect(answers.filter(([code]) => code === Code.ERROR).length).toBe(3);
    expect(answers.filter(([code]) => code === Code.REGISTERED).length).toBe(1);
    const winner = rivals[answers.findIndex(([code]) => code === Code.REGISTERED)]!;
    const caller = await router().join();
    caller.call(PROCEDURE);
    await winner.expect(Code.INVOCATION);
  });

  it.each([{}, { invoke: 'roundrobin' }])(
    'refuses the same session the same procedure twice, with options %j (DLR-4)',
    async (options) => {
      const callee = await router().join();
      await callee.register(PROCEDURE, options);
      const request = callee.request(Code.REGISTER, options, PROCEDURE);
      await expectError(callee, Code.REGISTER, request, ErrorUri.PROCEDURE_ALREADY_EXISTS);
      const together = [1, 2].map(() => callee.request(Code.REGISTER, options, 'com.example.together'));
      const answers = [await callee.receive(), await callee.receive()];
      expect(new Set(answers.map(([code]) => code))).toEqual(new Set([Code.ERROR, Code.REGISTERED]));
      expect(answers.map((answer) => (answer[0] === Code.ERROR ? answer[2] : answer[1])).sort()).toEqual(together);
    },
  );

  it('answers UNREGISTER, and then the procedure is free for any other session (DLR-2)', async () => {
    const callee = await router().join();
    const caller = await router().join();
    const successor = await router().join();
    const registration = await callee.register(PROCEDURE);
    const request = callee.request(Code.UNREGISTER, registration);
    expect(await callee.receive()).toEqual([Code.UNREGISTERED, request]);
    await expectError(
      callee,
      Code.UNREGISTER,
      callee.request(Code.UNREGISTER, registration),
      ErrorUri.NO_SUCH_REGISTRATION,
    );
    await successor.register(PROCEDURE);
    caller.call(PROCEDURE);
    await successor.expect(Code.INVOCATION);
    expect(await callee.fence()).toEqual([]);
  });

  it('refuses UNREGISTER of what the session does not hold (DLR-2)', async () => {
    const holder = await router().join();
    const other = await router().join();
    const registration = await holder.register(PROCEDURE);
    for (const id of [registration, 1, Number.MAX_SAFE_INTEGER]) {
      const request = other.request(Code.UNREGISTER, id);
      expect(await expectError(other, Code.UNREGISTER, request, ErrorUri.NO_SUCH_REGISTRATION)).not.toBe('');
    }
  });

  it('lets invocations under way end after UNREGISTER, with a result and with an error (DLR-3)', async () => {
    const callee = await router().join();
    const caller = await router().join();
    const registration = await callee.register(PROCEDURE);
    const [first, second] = [caller.call(PROCEDURE), caller.call(PROCEDURE)];
    await callee.expect(Code.INVOCATION);
    await callee.expect(Code.INVOCATION);
    callee.request(Code.UNREGISTER, registration);
    await callee.expect(Code.UNREGISTERED);
    callee.send([Code.YIELD, 1, {}, ['done']]);
    callee.send([Code.ERROR, Code.INVOCATION, 2, {}, 'com.example.failed']);
    expect(await caller.receive()).toEqual([Code.RESULT, first, {}, ['done']]);
    await expectError(caller, Code.CALL, second, 'com.example.failed');
  });
});

describeConformance('calling', (router) => {
  it.each<readonly [string, unknown[]]>([
    ['nothing', []],
    ['arguments', [[1, 'two', null, [3.5], { four: true }]]],
    ['keywords', [[], { key: 'value' }]],
    ['both', [[1], { key: { deep: [null] } }]],
  ])('carries %s there and back as it came, in results and errors (DLR-5, DLR-7)', async (_what, payload) => {
    const callee = await router().join();
    const caller = await router().join();
    const registration = await callee.register(PROCEDURE);
    const first = caller.request(Code.CALL, {}, PROCEDURE, ...payload);
    expect(await callee.receive()).toEqual([Code.INVOCATION, 1, registration, {}, ...payload]);
    callee.send([Code.YIELD, 1, {}, ...payload]);
    expect(await caller.receive()).toEqual([Code.RESULT, first, {}, ...payload]);

    const second = caller.request(Code.CALL, {}, PROCEDURE, ...payload);
    await callee.expect(Code.INVOCATION);
    callee.send([Code.ERROR, Code.INVOCATION, 2, { message: 'own details' }, 'com.example.error', ...payload]);
    expect(await caller.receive()).toEqual([Code.ERROR, Code.CALL, second, {}, 'com.example.error', ...payload]);
  });

  it('keeps many calls apart, whatever order they are answered in, both ways at once (DLR-5)', async () => {
    const one = await router().join();
    const other = await router().join();
    await one.register('com.example.one');
    await other.register('com.example.other');
    const asked = { one: [] as number[], other: [] as number[] };
    for (let call = 0; call < 20; call++) {
      asked.one.push(one.call('com.example.other', [call]));
      asked.other.push(other.call('com.example.one', [call]));
    }
    for (const callee of [one, other]) {
      const invocations: unknown[][] = [];
      for (let call = 0; call < 20; call++) {
        const invocation = await callee.expect(Code.INVOCATION);
        // ORD-3: in the order of the caller.
        expect(invocation[4]).toEqual([call]);
        invocations.push(invocation);
      }
      for (const [, request, , , args] of invocations.reverse()) callee.send([Code.YIELD, request, {}, args]);
    }
    for (const [caller, requests] of [[one, asked.one] as const, [other, asked.other] as const]) {
      const results = new Map<unknown, unknown>();
      for (let call = 0; call < 20; call++) {
        const [, request, , args] = await caller.expect(Code.RESULT);
        results.set(request, (args as unknown[])[0]);
      }
      expect([...results].sort(([left], [right]) => Number(left) - Number(right))).toEqual(
        requests.map((request, call) => [request, call]),
      );
    }
  });

  it('lets a session call what it registered itself (DLR-5)', async () => {
    const session = await router().join();
    await session.register(PROCEDURE);
    const request = session.call(PROCEDURE, ['me']);
    const [, invocation, , , args] = await session.expect(Code.INVOCATION);
    session.send([Code.YIELD, invocation, {}, args]);
    expect(await session.receive()).toEqual([Code.RESULT, request, {}, ['me']]);
  });

  it('refuses a call of what nobody has, or has any more (DLR-6)', async () => {
    const callee = await router().join();
    const caller = await router().join();
    expect(
      await expectError(caller, Code.CALL, caller.call('com.example.nothing', [1]), ErrorUri.NO_SUCH_PROCEDURE),
    ).toContain('com.example.nothing');
    const registration = await callee.register(PROCEDURE);
    callee.request(Code.UNREGISTER, registration);
    await callee.expect(Code.UNREGISTERED);
    // Other nodes receive the end of a registration in the background; until then the callee's node answers their calls.
    await expectError(caller, Code.CALL, caller.call(PROCEDURE), ErrorUri.NO_SUCH_PROCEDURE);
    expect(await callee.fence()).toEqual([]);
  });

  it('gives one answer to a call, however often its callee answers (DLR-8, DLR-10)', async () => {
    const callee = await router().join();
    const caller = await router().join();
    await callee.register(PROCEDURE);
    const request = caller.call(PROCEDURE);
    await callee.expect(Code.INVOCATION);
    callee.send([Code.ERROR, Code.INVOCATION, 1, {}, 'com.example.first']);
    callee.send([Code.YIELD, 1, {}, ['second']]);
    callee.send([Code.ERROR, Code.INVOCATION, 1, {}, 'com.example.third']);
    await expectError(caller, Code.CALL, request, 'com.example.first');
    const next = caller.call(PROCEDURE);
    await callee.expect(Code.INVOCATION);
    callee.send([Code.YIELD, 2, {}]);
    expect(await caller.receive()).toEqual([Code.RESULT, next, {}]);
    expect(await callee.fence()).toEqual([]);
    expect(await caller.fence()).toEqual([]);
  });

  it('passes on the details of no message but its own (DLR-7, MSG-5)', async () => {
    const callee = await router().join();
    const caller = await router().join();
    await callee.register(PROCEDURE, { _custom: 1 });
    const request = caller.call(PROCEDURE, [], { _custom: 1, x_key: [], toString: 1 });
    expect((await callee.expect(Code.INVOCATION))[3]).toEqual({});
    callee.send([Code.YIELD, 1, { _custom: 1, x_key: {} }]);
    expect(await caller.receive()).toEqual([Code.RESULT, request, {}]);
  });

  it.each([
    ['is interrupted, if it announced call_canceling', undefined, true],
    ['receives nothing, if it did not', rolesWithout('call_canceling'), false],
  ])(
    'when the caller leaves the callee %s, and its answer is for nobody (DLR-11)',
    async (_what, roles, isInterrupted) => {
      const callee = await router().join(roles === undefined ? {} : { roles });
      const caller = await router().join();
      const witness = await router().join();
      await callee.register(PROCEDURE);
      caller.call(PROCEDURE);
      await callee.expect(Code.INVOCATION);
      const left = router().counted(({ calls }) => calls.caller_left);
      caller.send([Code.GOODBYE, {}, 'wamp.close.normal']);
      await caller.expect(Code.GOODBYE);
      expect(router().counted(({ calls }) => calls.caller_left)).toBe(left + 1);
      if (isInterrupted) expect(await callee.receive()).toEqual([Code.INTERRUPT, 1, { mode: 'killnowait' }]);
      callee.send([Code.YIELD, 1, {}, ['late']]);

      const request = witness.call(PROCEDURE);
      expect((await callee.expect(Code.INVOCATION))[1]).toBe(2);
      callee.send([Code.YIELD, 2, {}]);
      expect(await witness.receive()).toEqual([Code.RESULT, request, {}]);
      expect(await callee.fence()).toEqual([]);
      await caller.hello();
      expect(await caller.fence()).toEqual([]);
    },
  );

  it('when the callee leaves, each waiting caller gets canceled, wherever it is (DLR-12, X-1)', async () => {
    const callee = await router().join();
    await callee.register(PROCEDURE);
    await callee.register(`${PROCEDURE}.second`);
    const callers: RawClient[] = [];
    for (let count = 0; count < 4; count++) callers.push(await router().join());
    for (const caller of callers) {
      caller.call(PROCEDURE);
      caller.call(`${PROCEDURE}.second`);
    }
    for (let count = 0; count < 8; count++) await callee.expect(Code.INVOCATION);
    const lost = router().counted(({ calls }) => calls.callee_lost);
    callee.drop();
    for (const caller of callers) {
      const answers = [await caller.receive(), await caller.receive()];
      expect(answers.map(([code, type, , , error]) => [code, type, error])).toEqual([
        [Code.ERROR, Code.CALL, ErrorUri.CANCELED],
        [Code.ERROR, Code.CALL, ErrorUri.CANCELED],
      ]);
      expect(new Set(answers.map(([, , request]) => request))).toEqual(new Set([1, 2]));
      expect(await caller.fence()).toEqual([]);
    }
    expect(router().counted(({ calls }) => calls.callee_lost)).toBe(lost + 8);
  });

  it('counts how calls end (design 8)', async () => {
    const callee = await router().join();
    const caller = await router().join();
    await callee.register(PROCEDURE);
    const ends = (): readonly number[] =>
      (['result', 'error', 'refused'] as const).map((end) => router().counted(({ calls }) => calls[end]));
    const before = ends();
    for (const answer of [
      (invocation: unknown) => [Code.YIELD, invocation, {}],
      (invocation: unknown) => [Code.ERROR, Code.INVOCATION, invocation, {}, 'com.example.error'],
    ]) {
      caller.call(PROCEDURE);
      const [, invocation] = await callee.expect(Code.INVOCATION);
      callee.send(answer(invocation));
      await caller.receive();
    }
    caller.call('com.example.nothing');
    await caller.expect(Code.ERROR);
    expect(ends()).toEqual(before.map((count) => count + 1));
  });
});
