import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance } from '../support/conformance.js';
import { expectError } from '../support/endings.js';
import { answer, freshUri, invocation } from '../support/exchange.js';
import { settled, SILENCE } from '../support/fences.js';
import { openRealm } from '../support/open-realm.js';
import { rolesWithout } from '../support/raw-client.js';
import { describeApart } from '../support/uneven-lanes.js';

const TAKE_OVER = { force_reregister: true };

describeApart(
  'registration-revocation',
  (router) => {
    it('informs the callee that announced it that its registration was taken (REV-1)', async () => {
      const procedure = freshUri();
      const old = await router().join();
      const next = await router().join();
      const registration = await old.register(procedure);
      await next.register(procedure, TAKE_OVER);
      const [code, request, details] = await old.receive();
      expect([code, request]).toEqual([Code.UNREGISTERED, 0]);
      expect(details).toEqual({ registration, reason: expect.any(String) as string });
      expect(await settled(next, old)).toEqual(SILENCE);
    });

    it('sends nothing to a callee that did not announce it (REV-1)', async () => {
      const procedure = freshUri();
      const old = await router().join({ roles: rolesWithout('registration_revocation') });
      const next = await router().join();
      await old.register(procedure);
      await next.register(procedure, TAKE_OVER);
      const caller = await router().join();
      caller.call(procedure);
      await invocation(next);
      expect(await settled(caller, old)).toEqual(SILENCE);
    });

    it('routes every call made after REGISTERED to the new callee, from every node (REV-1, G2)', async () => {
      const callers = [await router().join(), await router().join(), await router().join()];
      const procedure = freshUri();
      let holder = await router().join();
      await holder.register(procedure);
      for (let round = 0; round < 6; round++) {
        const next = await router().join();
        await next.register(procedure, TAKE_OVER);
        for (const caller of callers) {
          const call = caller.call(procedure, [round]);
          answer(next, (await invocation(next)).request, ['mine']);
          expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['mine']]);
        }
        expect((await holder.expect(Code.UNREGISTERED))[1]).toBe(0);
        expect(await settled(callers[0]!, holder)).toEqual(SILENCE);
        holder = next;
      }
    });

    it('takes a shared registration from all its callees, and changes its policy (REV-1, SHR-2)', async () => {
      const procedure = freshUri();
      const olds = [];
      for (let index = 0; index < 3; index++) {
        const roles = index === 1 ? rolesWithout('registration_revocation') : undefined;
        const old = await router().join(roles === undefined ? {} : { roles });
        await old.register(procedure, { invoke: 'roundrobin' });
        olds.push(old);
      }
      const next = await router().join();
      await next.register(procedure, { invoke: 'last', ...TAKE_OVER });
      for (const [index, old] of olds.entries())
        if (index !== 1) expect((await old.expect(Code.UNREGISTERED))[1]).toBe(0);
      const caller = await router().join();
      for (const old of olds) expect(await settled(caller, old)).toEqual(SILENCE);
      for (let call = 0; call < 4; call++) {
        caller.call(procedure);
        await invocation(next);
      }
      await olds[1]!.register(procedure, { invoke: 'last' });
      caller.call(procedure);
      await invocation(olds[1]!);
    });

    it('holds nothing any more for the callee that was notified (REV-1, DLR-2)', async () => {
      const procedure = freshUri();
      const old = await router().join();
      const next = await router().join();
      const registration = await old.register(procedure);
      await next.register(procedure, TAKE_OVER);
      await old.expect(Code.UNREGISTERED);
      const request = old.request(Code.UNREGISTER, registration);
      expect((await old.receive()).slice(0, 5)).toEqual([
        Code.ERROR,
        Code.UNREGISTER,
        request,
        {},
        'wamp.error.no_such_registration',
      ]);
      await old.register(procedure, TAKE_OVER);
      expect((await next.expect(Code.UNREGISTERED))[1]).toBe(0);
      const caller = await router().join();
      caller.call(procedure);
      await invocation(old);
    });

    it('lets the invocations under way come to their end (REV-1, DLR-3)', async () => {
      const procedure = freshUri();
      const caller = await router().join();
      const old = await router().join();
      const next = await router().join();
      await old.register(procedure);
      const call = caller.call(procedure, ['started']);
      const { request } = await invocation(old);
      await next.register(procedure, TAKE_OVER);
      await old.expect(Code.UNREGISTERED);
      answer(old, request, ['finished']);
      expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['finished']]);
      expect(await settled(caller, next)).toEqual(SILENCE);
    });

    it('revokes that registration alone: other matches and procedures stay (REV-1, PBR-1)', async () => {
      const procedure = freshUri();
      const caller = await router().join();
      const old = await router().join();
      const next = await router().join();
      await old.register(procedure);
      const prefix = await old.register(procedure, { match: 'prefix' });
      const other = await old.register(`${procedure}.other`);
      await next.register(procedure, TAKE_OVER);
      await old.expect(Code.UNREGISTERED);
      caller.call(`${procedure}.sub`);
      caller.call(`${procedure}.other`);
      expect((await invocation(old)).registration).toBe(prefix);
      expect((await invocation(old)).registration).toBe(other);
    });

    it('registers as usual where there is nobody to take from, and refuses those who come later (REV-1, DLR-1)', async () => {
      const procedure = freshUri();
      const first = await router().join();
      const second = await router().join();
      await first.register(procedure, TAKE_OVER);
      const request = second.request(Code.REGISTER, { force_reregister: false }, procedure);
      expect((await second.receive()).slice(0, 5)).toEqual([
        Code.ERROR,
        Code.REGISTER,
        request,
        {},
        'wamp.error.procedure_already_exists',
      ]);
      expect(await settled(second, first)).toEqual(SILENCE);
    });

    it('leaves one holder when sessions take it from one another at once (REV-1, SHR-6)', async () => {
      const procedure = freshUri();
      const rivals = [];
      for (let index = 0; index < 6; index++) rivals.push(await router().join());
      for (const rival of rivals) rival.request(Code.REGISTER, TAKE_OVER, procedure);
      for (const rival of rivals) await rival.expect(Code.REGISTERED);
      const caller = await router().join();
      const call = caller.call(procedure, ['who?']);
      let revokedCount = 0;
      const holders = [];
      for (const rival of rivals) {
        const { atCallee } = await settled(caller, rival);
        if (atCallee.some(([code, request]) => code === Code.UNREGISTERED && request === 0)) revokedCount++;
        const invoked = atCallee.find(([code]) => code === Code.INVOCATION);
        if (invoked !== undefined) holders.push({ rival, request: invoked[1] as number });
      }
      expect(revokedCount).toBe(rivals.length - 1);
      expect(holders).toHaveLength(1);
      answer(holders[0]!.rival, holders[0]!.request, ['me']);
      expect(await caller.receive()).toEqual([Code.RESULT, call, {}, ['me']]);
    });
  },
  openRealm({ allowForceReregister: true }),
);

describeConformance('registration-revocation, not allowed', (router) => {
  it('refuses to take a procedure over, and leaves it where it is', async () => {
    const procedure = freshUri();
    const [holder, rival, caller] = [await router().join(), await router().join(), await router().join()];
    await holder.register(procedure);
    const request = rival.request(Code.REGISTER, TAKE_OVER, procedure);
    await expectError(rival, Code.REGISTER, request, ErrorUri.OPTION_NOT_ALLOWED);
    caller.call(procedure);
    await invocation(holder);
  });

  it.each(['single', 'roundrobin'])('registers %s what nobody holds, and joins nobody by force', async (invoke) => {
    const procedure = freshUri();
    const [first, second] = [await router().join(), await router().join()];
    const id = await first.register(procedure, { invoke, ...TAKE_OVER });
    const request = second.request(Code.REGISTER, { invoke, ...TAKE_OVER }, procedure);
    await expectError(second, Code.REGISTER, request, ErrorUri.OPTION_NOT_ALLOWED);
    first.request(Code.UNREGISTER, id);
    await first.expect(Code.UNREGISTERED);
    await second.register(procedure, { invoke, ...TAKE_OVER });
  });
});

describeConformance(
  'registration-revocation, of the same authid',
  (router) => {
    it('refuses to take a procedure over from a session of another authid', async () => {
      const procedure = freshUri();
      const [holder, rival, caller] = [await router().join(), await router().join(), await router().join()];
      await holder.register(procedure, TAKE_OVER);
      const request = rival.request(Code.REGISTER, TAKE_OVER, procedure);
      await expectError(rival, Code.REGISTER, request, ErrorUri.OPTION_NOT_ALLOWED);
      caller.call(procedure);
      await invocation(holder);
    });
  },
  openRealm({ allowForceReregister: 'same-authid' }),
);
