import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { describeConformance } from '../support/conformance.js';
import { answer, callError, cancel, freshUri, invocation, progress, refuse } from '../support/exchange.js';
import { settled, SILENCE } from '../support/fences.js';
import { openRealm } from '../support/open-realm.js';
import { ALL_ROLES, rolesWithout, type JoinOptions } from '../support/raw-client.js';

const WANTED = { receive_progress: true };

describeConformance('progressive-results', (router) => {
  async function calling(options: object = WANTED, join: JoinOptions = {}) {
    const caller = await router().join();
    const callee = await router().join(join);
    const procedure = freshUri();
    await callee.register(procedure);
    const call = caller.call(procedure, ['work'], options);
    const { request, details } = await invocation(callee);
    return { caller, callee, procedure, call, request, details };
  }

  it('informs the callee that progress is wanted and hands each piece on at once (PCR-1)', async () => {
    const { caller, callee, call, request, details } = await calling();
    expect(details).toEqual({ receive_progress: true });
    for (const piece of [1, 2, 3]) {
      progress(callee, request, [piece]);
      expect(await caller.receive()).toEqual([Code.RESULT, call, { progress: true }, [piece]]);
    }
    answer(callee, request, ['all']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['all']]);
  });

  it('ends progress with an ERROR as well as with a result (PCR-1)', async () => {
    const { caller, callee, call, request } = await calling();
    progress(callee, request, [1]);
    refuse(callee, request, 'com.example.broke', [['half way']]);
    expect(await caller.receive()).toEqual([Code.RESULT, call, { progress: true }, [1]]);
    expect(await caller.receive()).toEqual([Code.ERROR, Code.CALL, call, {}, 'com.example.broke', ['half way']]);
  });

  it('takes progress: false for the final YIELD (PCR-1)', async () => {
    const { caller, callee, call, request } = await calling();
    answer(callee, request, ['all'], { progress: false });
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['all']]);
  });

  it.each([[{}], [{ receive_progress: false }]])(
    'does not inform the callee of progress that nobody asked for: %j (PCR-1)',
    async (options) => {
      const { details } = await calling(options);
      expect(details).toEqual({});
    },
  );

  it('does not inform a callee that did not announce progressive results (PCR-2, ADV-1)', async () => {
    const { caller, callee, call, request, details } = await calling(WANTED, {
      roles: rolesWithout('progressive_call_results'),
    });
    expect(details).toEqual({});
    answer(callee, request, ['at once']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['at once']]);
  });

  it('lets a callee send progress that did not announce call_canceling, as autobahn-js does (PCR-2, X-21)', async () => {
    const { caller, callee, call, request, details } = await calling(WANTED, {
      roles: rolesWithout('call_canceling'),
    });
    expect(details).toEqual({ receive_progress: true });
    progress(callee, request, [1]);
    expect(await caller.receive()).toEqual([Code.RESULT, call, { progress: true }, [1]]);
  });

  it('does not take a feature for announced that is anything but true (ADV-1)', async () => {
    const features = { ...ALL_ROLES.callee.features, progressive_call_results: 1 };
    const { details } = await calling(WANTED, { roles: { ...ALL_ROLES, callee: { features } } });
    expect(details).toEqual({});
  });

  it('carries pieces without payload, and pieces of different shape (PCR-3)', async () => {
    const { caller, callee, call, request } = await calling();
    const pieces = [[], [['only a list']], [[], { only: 'words' }], [[1, 'two', null], { and: [{ deep: true }] }]];
    for (const piece of pieces) callee.send([Code.YIELD, request, { progress: true }, ...piece]);
    callee.send([Code.YIELD, request, {}]);
    for (const piece of pieces)
      expect(await caller.receive()).toEqual([Code.RESULT, call, { progress: true }, ...piece]);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}]);
  });

  it('carries 1,000 pieces in order, and then an empty final result (PCR-1, PCR-3, ORD-5)', async () => {
    const { caller, callee, call, request } = await calling();
    for (let piece = 0; piece < 1_000; piece++) progress(callee, request, [piece]);
    callee.send([Code.YIELD, request, {}]);
    for (let piece = 0; piece < 1_000; piece++)
      expect(await caller.receive()).toEqual([Code.RESULT, call, { progress: true }, [piece]]);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}]);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('keeps interleaved calls apart, each in its order (PCR-1, ORD-5)', async () => {
    const callers = [await router().join(), await router().join()];
    const callee = await router().join();
    const procedure = freshUri();
    await callee.register(procedure);
    const calls: { caller: (typeof callers)[number]; call: number; request: number }[] = [];
    for (const caller of [...callers, ...callers]) {
      const call = caller.call(procedure, [], WANTED);
      calls.push({ caller, call, request: (await invocation(callee)).request });
    }
    const pieceCount = 50;
    for (let piece = 0; piece < pieceCount; piece++)
      for (const { request } of calls) progress(callee, request, [request, piece]);
    for (const { request } of calls) answer(callee, request, [request, 'end']);
    for (const caller of callers) {
      const results = new Map<unknown, unknown[]>();
      const own = calls.filter((one) => one.caller === caller);
      for (let count = 0; count < own.length * (pieceCount + 1); count++) {
        const [, call, details, args] = await caller.expect(Code.RESULT);
        results.set(call, [...(results.get(call) ?? []), args, details]);
      }
      for (const { call, request } of own) {
        const pieces = Array.from({ length: pieceCount }, (_, piece) => [[request, piece], { progress: true }]);
        expect(results.get(call)).toEqual([...pieces.flat(), [request, 'end'], {}]);
      }
    }
  });

  it('discards progress after the final answer, and keeps the callee (PCR-1, DLR-10)', async () => {
    const { caller, callee, call, request } = await calling();
    answer(callee, request, ['all']);
    progress(callee, request, ['more']);
    answer(callee, request, ['all again']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['all']]);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('discards progress that the caller did not ask for and keeps the call open (PCR-6, X-22)', async () => {
    const { caller, callee, call, request } = await calling({});
    progress(callee, request, ['unasked']);
    expect(await settled(caller, callee)).toEqual(SILENCE);
    answer(callee, request, ['asked']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['asked']]);
  });

  it('ends the call when a piece cannot be encoded for the caller, rather than leave it out (PCR-7)', async () => {
    const caller = await router().join({ serializer: 'json' });
    const callee = await router().join({ serializer: 'cbor' });
    const procedure = freshUri();
    await callee.register(procedure);
    const call = caller.call(procedure, [], WANTED);
    const { request } = await invocation(callee);
    for (const piece of [1, Number.NaN, 3]) progress(callee, request, [piece]);
    expect(await caller.receive()).toEqual([Code.RESULT, call, { progress: true }, [1]]);
    expect(await callError(caller, call)).toBe('wamp.error.invalid_argument');
    expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('does not forward what comes between CANCEL and its answer, but the answer (PCR-1, CAN-1)', async () => {
    const { caller, callee, call, request } = await calling();
    cancel(caller, call, 'kill');
    await callee.expect(Code.INTERRUPT);
    progress(callee, request, ['too late']);
    answer(callee, request, ['as far as it came']);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['as far as it came']]);
  });
});

describeConformance(
  'progressive-results to the letter',
  (router) => {
    it('treats a callee without call_canceling as one without progressive results, if so configured (PCR-2)', async () => {
      const caller = await router().join();
      const strict = await router().join({ roles: rolesWithout('call_canceling') });
      const full = await router().join();
      const procedures = [freshUri(), freshUri()] as const;
      await strict.register(procedures[0]);
      await full.register(procedures[1]);
      caller.call(procedures[0], [], WANTED);
      caller.call(procedures[1], [], WANTED);
      expect((await invocation(strict)).details).toEqual({});
      expect((await invocation(full)).details).toEqual({ receive_progress: true });
    });
  },
  openRealm({ progressiveResultsRequireCanceling: true }),
);

describeConformance(
  'progressive-results to a slow caller',
  (router) => {
    it('ends the stream of a caller that does not read, and asks its callee to stop (PCR-7, DLR-11)', async () => {
      const caller = await router().join();
      const callee = await router().join();
      const procedure = freshUri();
      await callee.register(procedure);
      caller.call(procedure, [], WANTED);
      const { request } = await invocation(callee);
      caller.pause(true);
      const piece = 'x'.repeat(60_000);
      let message: unknown[] = [];
      for (let round = 0; round < 256 && message[0] !== Code.INTERRUPT; round++) {
        for (let count = 0; count < 16; count++) progress(callee, request, [piece]);
        // Its answer shows that the router has read the pieces.
        callee.publish('com.example.round', [], { acknowledge: true });
        message = await callee.receive();
      }
      expect(message).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
    });
  },
  { limits: { maxMessageBytes: 65_536, maxUnsentBytes: 262_144 } },
);
