import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import type { ConfigInput } from '../../src/config/schema.js';
import { describeConformance } from '../support/conformance.js';
import { callAgain, callError, freshUri, invocation, refuse, registerError } from '../support/exchange.js';
import { settled, SILENCE } from '../support/fences.js';
import { openRealm } from '../support/open-realm.js';
import type { RawClient } from '../support/raw-client.js';

const DISALLOWED = 'wamp.error.option_disallowed.disclose_me';

function identityOf(caller: RawClient): object {
  const { authid, authrole } = caller.welcome;
  return { caller: caller.session, caller_authid: authid, caller_authrole: authrole };
}

describeConformance('caller-identification', (router) => {
  it('discloses to the callee who calls when the caller asks for it (CID-1)', async () => {
    const caller = await router().join();
    const callee = await router().join();
    const procedure = freshUri();
    await callee.register(procedure);
    caller.call(procedure, [], { disclose_me: true });
    expect((await invocation(callee)).details).toEqual(identityOf(caller));
  });

  it.each([[{}], [{ disclose_me: false }], [{ disclose_me: null }]])(
    'discloses nothing when nobody asked: %j (CID-4)',
    async (options) => {
      const caller = await router().join();
      const callee = await router().join();
      const procedure = freshUri();
      await callee.register(procedure);
      caller.call(procedure, [], options);
      expect((await invocation(callee)).details).toEqual({});
    },
  );

  it('discloses every caller to a callee that registered with disclose_caller, whatever that one set (CID-3)', async () => {
    const callee = await router().join();
    const procedure = freshUri();
    await callee.register(procedure, { disclose_caller: true });
    for (const options of [{}, { disclose_me: true }, { disclose_me: false }]) {
      const caller = await router().join();
      caller.call(procedure, [], options);
      expect((await invocation(callee)).details).toEqual(identityOf(caller));
    }
  });

  it('keeps callers apart, and those that asked from those that did not (CID-4)', async () => {
    const callers = [await router().join(), await router().join(), await router().join()];
    const callee = await router().join();
    const procedure = freshUri();
    await callee.register(procedure);
    for (let round = 0; round < 3; round++)
      for (const [index, caller] of callers.entries()) {
        const asks = (round + index) % 2 === 0;
        caller.call(procedure, [], { disclose_me: asks });
        expect((await invocation(callee)).details).toEqual(asks ? identityOf(caller) : {});
      }
  });

  it('discloses to each callee of a shared registration only what is due to it (CID-3, CID-4)', async () => {
    const caller = await router().join();
    const curious = await router().join();
    const other = await router().join();
    const procedure = freshUri();
    await curious.register(procedure, { invoke: 'roundrobin', disclose_caller: true });
    await other.register(procedure, { invoke: 'roundrobin' });
    for (let round = 0; round < 3; round++) {
      caller.call(procedure);
      caller.call(procedure);
      expect((await invocation(curious)).details).toEqual(identityOf(caller));
      expect((await invocation(other)).details).toEqual({});
    }
  });

  it.each([
    ['what the next callee has no right to', false],
    ['what the caller asked for', true],
  ])('weighs it anew when a call is rerouted: %s (CID-4, RRT-1)', async (_what, asks) => {
    const caller = await router().join();
    const curious = await router().join();
    const other = await router().join();
    const procedure = freshUri();
    await curious.register(procedure, { invoke: 'first', disclose_caller: true });
    await other.register(procedure, { invoke: 'first' });
    caller.call(procedure, [], { disclose_me: asks });
    const { request, details } = await invocation(curious);
    expect(details).toEqual(identityOf(caller));
    refuse(curious, request, 'wamp.error.unavailable');
    expect((await invocation(other)).details).toEqual(asks ? identityOf(caller) : {});
  });

  it('discloses it with every chunk of a progressive call invocation (CID-1, PCI-5)', async () => {
    const caller = await router().join();
    const callee = await router().join();
    const procedure = freshUri();
    await callee.register(procedure);
    const call = caller.call(procedure, [0], { disclose_me: true, progress: true });
    callAgain(caller, call, procedure, [1]);
    expect((await invocation(callee)).details).toEqual({ ...identityOf(caller), progress: true });
    expect((await invocation(callee)).details).toEqual(identityOf(caller));
  });

  it('discloses callers by pattern beside the procedure (CID-1, PBR-6)', async () => {
    const caller = await router().join();
    const callee = await router().join();
    const procedure = freshUri();
    await callee.register(procedure, { match: 'prefix' });
    caller.call(procedure, [], { disclose_me: true });
    expect((await invocation(callee)).details).toEqual({ ...identityOf(caller), procedure });
  });
});

describeConformance(
  'caller-identification where disclosing is not allowed',
  (router) => {
    it('refuses disclose_me of a caller; without it the call goes through (CID-2, X-3)', async () => {
      const caller = await router().join();
      const callee = await router().join();
      const procedure = freshUri();
      await callee.register(procedure);
      const call = caller.call(procedure, [], { disclose_me: true });
      expect(await callError(caller, call)).toBe(DISALLOWED);
      expect(await settled(caller, callee)).toEqual(SILENCE);
      caller.call(procedure, [], { disclose_me: false });
      expect((await invocation(callee)).details).toEqual({});
    });

    it('refuses disclose_caller of a callee; without it the registration is made (CID-3, X-3)', async () => {
      const callee = await router().join();
      const procedure = freshUri();
      expect(await registerError(callee, procedure, { disclose_caller: true })).toBe(DISALLOWED);
      const caller = await router().join();
      const call = caller.call(procedure);
      expect(await callError(caller, call)).toBe('wamp.error.no_such_procedure');
      await callee.register(procedure);
      caller.call(procedure);
      expect((await invocation(callee)).details).toEqual({});
    });
  },
  openRealm({ allowDisclose: false }),
);

const allow = { call: true, register: true, publish: true, subscribe: true };
const DISCLOSED_BY_PERMISSION: ConfigInput = {
  realms: [
    {
      name: 'realm1',
      allowDisclose: false,
      roles: [
        {
          name: 'anonymous',
          permissions: [
            { uri: '', match: 'prefix', allow },
            { uri: 'com.example.audited.', match: 'prefix', allow, disclose: { caller: true } },
          ],
        },
      ],
    },
  ],
};

describeConformance(
  'caller-identification by permission',
  (router) => {
    it.each([[{}], [{ disclose_me: true }], [{ disclose_me: false }]])(
      'discloses who calls where the permission demands it, asked or not: %j (CID-2)',
      async (options) => {
        const caller = await router().join();
        const callee = await router().join();
        const procedure = freshUri('audited');
        await callee.register(procedure);
        caller.call(procedure, [], options);
        expect((await invocation(callee)).details).toEqual(identityOf(caller));
      },
    );

    it('discloses nothing of the calls to other procedures (CID-4)', async () => {
      const caller = await router().join();
      const callee = await router().join();
      const [audited, other] = [freshUri('audited'), freshUri('private')];
      await callee.register(audited);
      await callee.register(other);
      const call = caller.call(other, [], { disclose_me: true });
      expect(await callError(caller, call)).toBe(DISALLOWED);
      caller.call(audited);
      caller.call(other);
      expect((await invocation(callee)).details).toEqual(identityOf(caller));
      expect(await callee.receive()).toMatchObject([Code.INVOCATION, 2, expect.any(Number), {}]);
    });

    it('discloses callers of a pattern by the URI that was called (CID-2, PBR-6)', async () => {
      const caller = await router().join();
      const callee = await router().join();
      await callee.register('com.example.', { match: 'prefix' });
      const procedures = [freshUri('audited'), freshUri('private')] as const;
      for (const procedure of procedures) caller.call(procedure);
      expect((await invocation(callee)).details).toEqual({ ...identityOf(caller), procedure: procedures[0] });
      expect((await invocation(callee)).details).toEqual({ procedure: procedures[1] });
      callee.send([Code.GOODBYE, {}, 'wamp.close.normal']);
      await callee.expect(Code.GOODBYE);
    });
  },
  DISCLOSED_BY_PERMISSION,
);
