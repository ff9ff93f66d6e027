import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance } from '../support/conformance.js';
import { expectAbort, expectError, expectRefusal } from '../support/endings.js';
import { ALL_ROLES } from '../support/raw-client.js';
import { anonymous, everything, hello } from './session-samples.js';

const member = { name: 'member', permissions: [everything] };

const realms = [
  { name: 'realm1', roles: [anonymous] },
  { name: 'com.example.members', roles: [member], anonymousRole: 'member' },
  { name: 'com.example.closed', roles: [anonymous], anonymousRole: null },
  { name: 'com.example.roleless', roles: [member] },
];

describeConformance(
  'opening a session',
  (router) => {
    it('answers HELLO with WELCOME, and reports who the session is and all that works (SES-1, SES-3, SES-6, AUT-2, ADV-1)', async () => {
      const client = await router().connect();
      const welcome = await client.hello();
      expect(welcome).toEqual([
        Code.WELCOME,
        client.session,
        {
          realm: 'realm1',
          authid: expect.stringMatching(/^.{8,}$/) as unknown,
          authrole: 'anonymous',
          authmethod: 'anonymous',
          authprovider: 'static',
          agent: expect.stringMatching(/^Gantry-\d/) as unknown,
          roles: {
            broker: {
              features: {
                publisher_exclusion: true,
                publisher_identification: true,
                publication_trustlevels: true,
                subscriber_blackwhite_listing: true,
                pattern_based_subscription: true,
                event_history: true,
                event_retention: true,
                payload_passthru_mode: true,
                payload_transparency: true,
                session_meta_api: true,
                subscription_meta_api: true,
                subscription_revocation: true,
              },
            },
            dealer: {
              features: {
                progressive_call_results: true,
                progressive_call_invocations: true,
                call_timeout: true,
                call_canceling: true,
                caller_identification: true,
                call_trustlevels: true,
                pattern_based_registration: true,
                shared_registration: true,
                registration_meta_api: true,
                registration_revocation: true,
                call_reroute: true,
                testament_meta_api: true,
                payload_passthru_mode: true,
                payload_transparency: true,
                session_meta_api: true,
              },
            },
          },
        },
      ]);
    });

    it('draws session ids at random from the whole range, no two alike (SES-2, ID-2)', async () => {
      const ids = new Set<number>();
      for (let count = 0; count < 24; count++) ids.add((await router().join()).session);
      expect(ids.size).toBe(24);
      for (const id of ids) {
        expect(Number.isSafeInteger(id)).toBe(true);
        expect(id).toBeGreaterThan(0);
      }
      // The largest of 24 draws from 2^53 is below 2^51 once in 10^14 runs. The ids of a counter differ by 24 at most.
      expect(Math.max(...ids)).toBeGreaterThan(2 ** 51);
      expect(Math.max(...ids) - Math.min(...ids)).toBeGreaterThan(2 ** 40);
    });

    it.each([
      ['no roles', {}, /HELLO\.Details\.roles/],
      ['null for roles', { roles: null }, /HELLO\.Details\.roles/],
      ['no role in roles', { roles: {} }, /HELLO\.Details\.roles must name at least one/],
      ['only unknown roles', { roles: { broker: {}, dealer: {} } }, /HELLO\.Details\.roles must name at least one/],
      ['a list of roles', { roles: ['caller'] }, /HELLO\.Details\.roles must be a dict/],
      ['a role that is no dict', { roles: { caller: true } }, /roles\.caller must be a dict/],
      [
        'features that are no dict',
        { roles: { caller: { features: ['x'] } } },
        /roles\.caller\.features must be a dict/,
      ],
      ['details that are no dict', [], /HELLO\.Details must be a dict/],
      ['authmethods that are no list', { roles: ALL_ROLES, authmethods: 'anonymous' }, /HELLO\.Details\.authmethods/],
      ['authid that is no string', { roles: ALL_ROLES, authid: 7 }, /HELLO\.Details\.authid/],
    ])('aborts a HELLO with %s (SES-3, MSG-6)', async (_what, details, complaint) => {
      const client = await router().connect();
      client.send(hello(details));
      expect(await expectAbort(client)).toMatch(complaint);
    });

    it('ignores roles, features and keys it does not know, and null for those it knows (SES-4, MSG-5, MSG-7)', async () => {
      const client = await router().join({
        roles: {
          caller: { features: { x_teleportation: true, call_canceling: 'yes' }, x_more: 1 },
          x_wizard: { features: 7 },
          toString: 7,
        },
        details: { _custom_key: [1], x_y: {}, authid: null, authextra: null, authmethods: null, agent: null },
      });
      const request = client.call('com.example.nothing');
      await expectError(client, Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE);
    });

    it('does not believe what HELLO claims of the client (AUT-2)', async () => {
      const { welcome } = await router().join({ details: { authid: 'root', authrole: 'admin' } });
      expect(welcome).toMatchObject({ authrole: 'anonymous', realm: 'realm1' });
      expect(welcome['authid']).not.toBe('root');
    });

    it('takes the first method of the offer that it has, anonymous without an offer (AUT-1)', async () => {
      for (const authmethods of [[], ['anonymous'], ['x_retina', 'wampcra', 'anonymous']]) {
        const { welcome } = await router().join({ details: { authmethods } });
        expect(welcome).toMatchObject({ authmethod: 'anonymous' });
      }
      const client = await router().connect();
      client.send(hello({ roles: ALL_ROLES, authmethods: ['x_retina'] }));
      expect(await expectRefusal(client, ErrorUri.NO_MATCHING_AUTH_METHOD)).toMatch(/anonymous/);
    });

    it('refuses anonymous sessions where anonymousRole is null or there is no such role, and gives the role named (AUT-4)', async () => {
      const client = await router().connect();
      for (const realm of ['com.example.closed', 'com.example.roleless']) {
        client.send(hello({ roles: ALL_ROLES }, realm));
        expect(await expectRefusal(client, ErrorUri.AUTHENTICATION_REQUIRED)).toContain(realm);
      }
      await client.hello({ realm: 'com.example.members' });
      expect(client.welcome).toMatchObject({ authrole: 'member', realm: 'com.example.members' });
    });

    it.each([
      ['an unknown realm', 'com.example.nowhere', ErrorUri.NO_SUCH_REALM, /com\.example\.nowhere/],
      ['an empty realm', '', ErrorUri.NO_SUCH_REALM, /HELLO\.Realm is empty/],
      ['no realm', null, ErrorUri.NO_SUCH_REALM, /HELLO\.Realm is empty/],
      ['an empty component', 'com..example', ErrorUri.INVALID_URI, /HELLO\.Realm: .*empty component/],
      ['a trailing dot', 'com.example.', ErrorUri.INVALID_URI, /HELLO\.Realm: .*empty component/],
      ['white space', 'com.my realm', ErrorUri.INVALID_URI, /HELLO\.Realm: .*white space/],
      ['a hash', 'com.#.example', ErrorUri.INVALID_URI, /HELLO\.Realm: .*"#"/],
      ['256 bytes', 'x'.repeat(256), ErrorUri.INVALID_URI, /HELLO\.Realm: it is longer than 255 bytes$/],
      ['a prototype key', '__proto__', ErrorUri.NO_SUCH_REALM, /__proto__/],
    ])(
      'refuses %s in HELLO, and takes another HELLO on the same transport (SES-5, SES-9, URI-6, rules 2.1)',
      async (_what, realm, reason, complaint) => {
        const client = await router().connect();
        client.send(hello({ roles: ALL_ROLES }, realm));
        expect(await expectRefusal(client, reason)).toMatch(complaint);
        await client.hello();
      },
    );

    it('keeps realms apart (SES-5)', async () => {
      const here = await router().join();
      const there = await router().join({ realm: 'com.example.members' });
      await here.subscribe('com.example.topic');
      await here.register('com.example.procedure');
      await there.publishAcknowledged('com.example.topic', ['not for you']);
      const request = there.call('com.example.procedure');
      await expectError(there, Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE);
      await there.register('com.example.procedure');
      expect(await here.fence()).toEqual([]);
    });
  },
  { realms },
);
