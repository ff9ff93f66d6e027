import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { answer, callError, cancel, freshUri, invocation, progress } from '../support/exchange.js';
import { leave, settled, SILENCE } from '../support/fences.js';
import { rolesWithout } from '../support/raw-client.js';
import { describeApart } from '../support/uneven-lanes.js';

const BUSY = 'wamp.error.no_available_callee';
const GIVING_UP = ['CANCEL skip', 'CANCEL killnowait', 'the timeout', 'the departure of the caller'];

describeApart(
  'concurrency of callees whose callers have given up',
  (router) => {
    it.each(GIVING_UP.flatMap((end) => [true, false].map((canInterrupt) => ({ end, canInterrupt }))))(
      'no other call comes after $end until the callee has answered, call_canceling: $canInterrupt',
      async ({ end, canInterrupt }) => {
        const procedure = freshUri();
        const leaver = await router().joinAt(0);
        const witness = await router().joinAt(0);
        const callee = await router().joinAt(1, canInterrupt ? {} : { roles: rolesWithout('call_canceling') });
        await callee.register(procedure, { concurrency: 1 });
        const call = leaver.call(procedure, [], { timeout: end === 'the timeout' ? 40 : 0 });
        const { request } = await invocation(callee);
        if (end.startsWith('CANCEL')) cancel(leaver, call, end.split(' ')[1]);
        if (end === 'the departure of the caller') await leave(leaver, 'GOODBYE', witness);
        else await leaver.receive();
        const { atCallee } = await settled(witness, callee);
        const isInterrupted = canInterrupt && end !== 'CANCEL skip';
        expect(atCallee).toEqual(isInterrupted ? [[Code.INTERRUPT, request, { mode: 'killnowait' }]] : []);
        expect(await callError(witness, witness.call(procedure))).toBe(BUSY);
        if (canInterrupt) progress(callee, request, ['works on']);
        expect(await callError(witness, witness.call(procedure))).toBe(BUSY);
        answer(callee, request, ['too late']);
        expect(await settled(witness, callee)).toEqual(SILENCE);
        witness.call(procedure, ['next']);
        expect((await invocation(callee)).payload).toEqual([['next']]);
        answer(callee, request, ['a second time']);
        expect(await settled(witness, callee)).toEqual(SILENCE);
        expect(await callError(witness, witness.call(procedure))).toBe(BUSY);
      },
    );
  },
  // No callee has its place again because a machine is slow.
  { limits: { interruptTimeoutMs: 3_600_000 } },
);

describeApart(
  'concurrency of callees that do not answer in time',
  (router) => {
    it.each(['INTERRUPT', 'nothing'])(
      'another call comes when the callee was sent %s and its time is up',
      async (sent) => {
        const procedure = freshUri();
        const caller = await router().joinAt(0);
        const callee = await router().joinAt(1);
        await callee.register(procedure, { concurrency: 1 });
        const call = caller.call(procedure);
        const { request } = await invocation(callee);
        cancel(caller, call, sent === 'INTERRUPT' ? 'killnowait' : 'skip');
        await caller.receive();
        if (sent === 'INTERRUPT') expect((await callee.expect(Code.INTERRUPT))[1]).toBe(request);
        for (;;) {
          const next = caller.call(procedure, ['next']);
          const { atCaller, atCallee } = await settled(caller, callee);
          if (atCaller.length > 0) {
            expect(atCaller.map((message) => message.slice(0, 5))).toEqual([[Code.ERROR, Code.CALL, next, {}, BUSY]]);
            continue;
          }
          expect(atCallee).toMatchObject([[Code.INVOCATION, expect.any(Number), expect.any(Number), {}, ['next']]]);
          break;
        }
        answer(callee, request, ['too late']);
        expect(await callError(caller, caller.call(procedure))).toBe(BUSY);
      },
    );
  },
  { limits: { interruptTimeoutMs: 50, abandonedInvocationTimeoutMs: 60 } },
);
