import { expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.js';
import { Code } from '../../src/wamp/codes.js';
import { describeConformance } from '../support/conformance.js';
import { answer, freshUri, invocation, refuse } from '../support/exchange.js';
import { rolesWithout } from '../support/raw-client.js';

const ALL = { call: true, register: true, publish: true, subscribe: true };
const AUTHORIZE = 'com.authorize';

const CONFIG: ConfigInput = {
  realms: [
    {
      name: 'realm1',
      anonymousRole: 'anonymous',
      retention: { topics: [{ uri: 'com.', match: 'prefix' }] },
      roles: [
        {
          name: 'anonymous',
          permissions: [
            { uri: 'com.example.trusted.', match: 'prefix', allow: ALL, trustLevel: 7 },
            {
              uri: 'com.example.lowest.',
              match: 'prefix',
              allow: ALL,
              trustLevel: 0,
              disclose: { caller: true, publisher: true },
            },
            { uri: 'com.example.plain.', match: 'prefix', allow: ALL },
            { uri: 'com.example.asked.', match: 'prefix', allow: { register: true, subscribe: true } },
            { uri: 'wamp.', match: 'prefix', allow: { call: true } },
            { uri: AUTHORIZE, allow: { register: true } },
          ],
        },
        {
          name: 'asked',
          authorizer: { procedure: AUTHORIZE },
        },
      ],
      auth: { ticket: { principals: { ann: { ticket: 'open sesame', role: 'asked' } } } },
    },
  ],
};

const UNANNOUNCED = { roles: rolesWithout('call_trustlevels', 'publication_trustlevels') };

describeConformance(
  'trust levels',
  (router) => {
    it('are announced by broker and dealer (ADV-1)', async () => {
      const { welcome } = await router().join();
      expect(welcome['roles']).toMatchObject({
        broker: { features: { publication_trustlevels: true } },
        dealer: { features: { call_trustlevels: true } },
      });
    });

    it('of publications are received by subscribers that announced them, and only these (7.4)', async () => {
      const topic = freshUri('trusted');
      const publisher = await router().join();
      const announcing = [await router().join(), await router().join(), await router().join()];
      const silent = [
        await router().join(UNANNOUNCED),
        await router().join(UNANNOUNCED),
        await router().join(UNANNOUNCED),
      ];
      for (const subscriber of [...announcing, ...silent]) await subscriber.subscribe(topic);
      const publication = await publisher.publishAcknowledged(topic, ['news'], { trustlevel: 99 });
      for (const subscriber of announcing)
        expect((await subscriber.receive()).slice(2)).toEqual([publication, { trustlevel: 7 }, ['news']]);
      for (const subscriber of silent)
        expect((await subscriber.receive()).slice(2)).toEqual([publication, {}, ['news']]);
    });

    it('of publications stand beside topic and publisher, and may be 0 (7.4, PBS-3)', async () => {
      const topic = freshUri('lowest');
      const [publisher, subscriber, silent] = [
        await router().join(),
        await router().join(),
        await router().join(UNANNOUNCED),
      ];
      for (const one of [subscriber, silent]) await one.subscribe('com.example.lowest.', { match: 'prefix' });
      publisher.publish(topic);
      const { authid, authrole } = publisher.welcome;
      const others = { topic, publisher: publisher.session, publisher_authid: authid, publisher_authrole: authrole };
      expect((await subscriber.receive())[3]).toEqual({ trustlevel: 0, ...others });
      expect((await silent.receive())[3]).toEqual(others);
    });

    it('of calls are received by callees that announced them, and only these (6.6)', async () => {
      for (const [options, details] of [
        [{}, { trustlevel: 7 }],
        [UNANNOUNCED, {}],
      ] as const) {
        const procedure = freshUri('trusted');
        const [caller, callee] = [await router().join(), await router().join(options)];
        await callee.register(procedure);
        caller.call(procedure, ['work'], { trustlevel: 99 });
        const invoked = await invocation(callee);
        expect(invoked.details).toEqual(details);
        answer(callee, invoked.request);
        await caller.expect(Code.RESULT);
      }
    });

    it('of calls stand beside the caller, and may be 0 (6.6, CID-1)', async () => {
      const procedure = freshUri('lowest');
      const [caller, callee] = [await router().join(), await router().join()];
      await callee.register(procedure);
      caller.call(procedure);
      const { details } = await invocation(callee);
      expect(details).toMatchObject({ trustlevel: 0, caller: caller.session });
    });

    it('of calls stay when the call goes to another callee (6.6, RRT-3)', async () => {
      const procedure = freshUri('trusted');
      const [caller, first, second] = [await router().join(), await router().join(), await router().join()];
      for (const callee of [first, second]) await callee.register(procedure, { invoke: 'first' });
      caller.call(procedure);
      refuse(first, (await invocation(first)).request, 'wamp.error.unavailable');
      expect((await invocation(second)).details).toEqual({ trustlevel: 7 });
    });

    it('of calls stay when the call waits for the REGISTER of its own session (6.6, G10)', async () => {
      const procedure = freshUri('trusted');
      const client = await router().join();
      client.request(Code.REGISTER, {}, procedure);
      client.call(procedure);
      await client.expect(Code.REGISTERED);
      expect((await client.expect(Code.INVOCATION))[3]).toEqual({ trustlevel: 7 });
    });

    it('are absent where no permission has one (6.6, 7.4)', async () => {
      const uri = freshUri('plain');
      const [near, far] = [await router().join(), await router().join()];
      await far.subscribe(uri);
      await far.register(uri);
      near.publish(uri);
      expect((await far.expect(Code.EVENT))[3]).toEqual({});
      near.call(uri);
      expect((await invocation(far)).details).toEqual({});
    });

    it('stay with a testament and with a retained event (7.4, TST-4, RET-6)', async () => {
      const topic = freshUri('trusted');
      const [leaving, subscriber] = [await router().join(), await router().join()];
      await subscriber.subscribe(topic);
      leaving.call('wamp.session.add_testament', [topic, ['gone'], {}, { retain: true }]);
      await leaving.expect(Code.RESULT);
      leaving.drop();
      expect((await subscriber.receive()).slice(3)).toEqual([{ trustlevel: 7 }, ['gone']]);
      const later = await router().join();
      // The store has the retained event soon after the live ones are sent.
      for (;;) {
        await later.subscribe(topic, { get_retained: true });
        const [event] = await later.fence();
        if (event === undefined) continue;
        expect(event.slice(3)).toEqual([{ trustlevel: 7, retained: true }, ['gone']]);
        break;
      }
    });

    it('may come from an authorizer (6.6, 7.4, AZ-3)', async () => {
      const uri = freshUri('asked');
      const [authorizer, far, near] = [await router().join(), await router().join(), await router().connect()];
      const registration = await authorizer.register(AUTHORIZE);
      await far.subscribe(uri);
      near.send([Code.HELLO, 'realm1', { roles: UNANNOUNCED.roles, authmethods: ['ticket'], authid: 'ann' }]);
      await near.expect(Code.CHALLENGE);
      near.send([Code.AUTHENTICATE, 'open sesame', {}]);
      await near.expect(Code.WELCOME);
      near.publish(uri);
      answer(authorizer, (await invocation(authorizer)).request, [{ allow: true, trustLevel: 3 }]);
      expect((await far.receive())[3]).toEqual({ trustlevel: 3 });
      authorizer.request(Code.UNREGISTER, registration);
      await authorizer.expect(Code.UNREGISTERED);
    });
  },
  CONFIG,
);
