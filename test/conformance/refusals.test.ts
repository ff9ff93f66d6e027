import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance } from '../support/conformance.js';
import { expectError } from '../support/endings.js';

const TOPIC = 'com.example.topic';
const PROCEDURE = 'com.example.procedure';

describeConformance(
  'refusals that leave the session alone (2.5)',
  (router) => {
    const named = ['SUBSCRIBE', 'REGISTER', 'CALL', 'PUBLISH'] as const;

    it.each(named)('%s with an invalid URI gets invalid_uri', async (name) => {
      const client = await router().join();
      for (const uri of [
        '',
        'com..example',
        'com.example.',
        '.com',
        'com.ex ample',
        'com.ex#ample',
        'a\tb',
        'a\u00a0b',
      ]) {
        const request = client.request(Code[name], { acknowledge: true }, uri);
        expect(await expectError(client, Code[name], request, ErrorUri.INVALID_URI)).toContain(`"${uri}"`);
      }
      expect(await client.fence()).toEqual([]);
    });

    it.each(named)('%s that the role may not gets not_authorized (AZ-1)', async (name) => {
      const client = await router().join();
      const request = client.request(Code[name], { acknowledge: true }, 'com.example.forbidden');
      expect(await expectError(client, Code[name], request, ErrorUri.NOT_AUTHORIZED)).toMatch(
        /role "anonymous" may not \w+ "com\.example\.forbidden"/,
      );
      expect(await client.fence()).toEqual([]);
    });

    it('a PUBLISH without acknowledge fails in silence, and is counted (BRK-6, AZ-2)', async () => {
      const client = await router().join();
      const refused = router().counted(({ routing }) => routing.publish_refused);
      for (const topic of ['com..example', 'com.example.forbidden', 'wamp.topic']) client.publish(topic, ['x']);
      expect(await client.fence()).toEqual([]);
      expect(router().counted(({ routing }) => routing.publish_refused)).toBe(refused + 3);
    });

    it('UNSUBSCRIBE and UNREGISTER of what another session holds get an ERROR, and take nothing from it (BRK-4, DLR-2)', async () => {
      const holder = await router().join();
      const client = await router().join();
      const subscription = await holder.subscribe(TOPIC);
      const registration = await holder.register(PROCEDURE);
      const unsubscribe = client.request(Code.UNSUBSCRIBE, subscription);
      await expectError(client, Code.UNSUBSCRIBE, unsubscribe, ErrorUri.NO_SUCH_SUBSCRIPTION);
      const unregister = client.request(Code.UNREGISTER, registration);
      await expectError(client, Code.UNREGISTER, unregister, ErrorUri.NO_SUCH_REGISTRATION);

      await client.publishAcknowledged(TOPIC);
      await holder.expect(Code.EVENT);
      client.call(PROCEDURE);
      await holder.expect(Code.INVOCATION);
    });

    it('CALL of a procedure that nobody has gets no_such_procedure, naming it (DLR-6)', async () => {
      const client = await router().join();
      const request = client.call('com.example.nobody');
      expect(await expectError(client, Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE)).toContain('com.example.nobody');
    });

    it('CANCEL of what is unknown, finished or canceled already is ignored (CAN-7)', async () => {
      const caller = await router().join();
      const callee = await router().join();
      await callee.register(PROCEDURE);
      const finished = caller.call(PROCEDURE);
      const [, first] = await callee.expect(Code.INVOCATION);
      callee.send([Code.YIELD, first, {}]);
      await caller.expect(Code.RESULT);
      const canceled = caller.call(PROCEDURE);
      await callee.expect(Code.INVOCATION);
      for (const request of [finished, canceled, canceled, canceled + 1_000]) {
        caller.send([Code.CANCEL, request, { mode: 'skip' }]);
      }
      await expectError(caller, Code.CALL, canceled, ErrorUri.CANCELED);
      expect(await caller.fence()).toEqual([]);
      expect(await callee.fence()).toEqual([]);
    });

    it('YIELD and ERROR to an invocation that is over are discarded and counted (DLR-10)', async () => {
      const caller = await router().join();
      const callee = await router().join();
      await callee.register(PROCEDURE);
      const request = caller.call(PROCEDURE);
      const [, invocation] = await callee.expect(Code.INVOCATION);
      const late = router().counted(({ routing }) => routing.late_yield);
      callee.send([Code.YIELD, invocation, {}, ['in time']]);
      callee.send([Code.YIELD, invocation, {}, ['late']]);
      callee.send([Code.ERROR, Code.INVOCATION, invocation, {}, 'com.example.late']);
      expect(await callee.fence()).toEqual([]);
      expect(await caller.receive()).toEqual([Code.RESULT, request, {}, ['in time']]);
      expect(await caller.fence()).toEqual([]);
      expect(router().counted(({ routing }) => routing.late_yield)).toBe(late + 2);
    });
  },
  {
    realms: [
      {
        name: 'realm1',
        roles: [
          {
            name: 'anonymous',
            permissions: [
              {
                uri: 'com.example.',
                match: 'prefix',
                allow: { call: true, register: true, publish: true, subscribe: true },
              },
              { uri: 'com.example.forbidden' },
            ],
          },
        ],
      },
    ],
  },
);
