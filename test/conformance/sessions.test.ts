import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { CloseUri, ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { expectAbort, expectError, expectRefusal, until } from '../support/endings.js';
import { openRealm } from '../support/open-realm.js';
import type { JoinOptions, RawClient } from '../support/raw-client.js';
import { ALL_ROLES } from '../support/raw-client.js';

const everything = {
  uri: '',
  match: 'prefix' as const,
  allow: { call: true, register: true, publish: true, subscribe: true },
};
const anonymous = { name: 'anonymous', permissions: [everything] };
const member = { name: 'member', permissions: [everything] };

const realms = [
  { name: 'realm1', roles: [anonymous] },
  { name: 'com.example.members', roles: [member], anonymousRole: 'member' },
  { name: 'com.example.closed', roles: [anonymous], anonymousRole: null },
  { name: 'com.example.roleless', roles: [member] },
];

const hello = (details: unknown, realm: unknown = 'realm1') => [Code.HELLO, realm, details];

describeConformance(
  'opening a session',
  (router) => {
    it('answers HELLO with WELCOME, and says who the session is and all that works (SES-1, SES-3, SES-6, AUT-2, ADV-1)', async () => {
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
                subscriber_blackwhite_listing: true,
                pattern_based_subscription: true,
                payload_passthru_mode: true,
                payload_transparency: true,
              },
            },
            dealer: {
              features: {
                progressive_call_results: true,
                progressive_call_invocations: true,
                call_timeout: true,
                call_canceling: true,
                caller_identification: true,
                pattern_based_registration: true,
                shared_registration: true,
                registration_revocation: true,
                call_reroute: true,
                payload_passthru_mode: true,
                payload_transparency: true,
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
      // Of 24 draws from 2^53 the largest is below 2^51 once in 10^14 runs, the spread of a counter is 24.
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

    it('does not believe what HELLO says of the client (AUT-2)', async () => {
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

describeConformance(
  'ending a session',
  (router) => {
    it.each([
      ['wamp.close.close_realm', {}],
      ['wamp.close.normal', { message: 'good night' }],
      ['com.example.anything', { message: null, _x_key: [1] }],
      ['not a..URI#', {}],
    ])('answers GOODBYE %s with goodbye_and_out (SES-10, SES-11)', async (reason, details) => {
      const client = await router().join();
      client.send([Code.GOODBYE, details, reason]);
      expect(await client.receive()).toEqual([Code.GOODBYE, {}, CloseUri.GOODBYE_AND_OUT]);
    });

    it('begins a new session on the same transport after GOODBYE: another id, requests from 1, nothing inherited (SES-14, ID-4)', async () => {
      const client = await router().join();
      const other = await router().join();
      const { session } = client;
      await client.subscribe('com.example.topic');
      await client.register('com.example.procedure');
      await sayGoodbye(client);

      await client.hello();
      expect(client.session).not.toBe(session);
      expect(await client.register('com.example.procedure')).toBeGreaterThan(0);
      await other.publishAcknowledged('com.example.topic', ['for nobody']);
      expect(await client.fence()).toEqual([]);
    });

    it('takes what a session still had on the way when it said GOODBYE for late, not for wrong (SES-12, SES-14)', async () => {
      const leaver = await router().join();
      const caller = await router().join();
      await leaver.register('com.example.slow');
      const call = caller.call('com.example.slow');
      const [, invocation] = await leaver.expect(Code.INVOCATION);
      await sayGoodbye(leaver);
      leaver.send([Code.YIELD, invocation, {}, ['late']]);
      leaver.send([Code.ERROR, Code.INVOCATION, invocation, {}, 'com.example.late']);
      leaver.publish('com.example.late', [], { acknowledge: true });
      leaver.call('com.example.late');
      leaver.request(Code.SUBSCRIBE, {}, 'com.example.late');
      leaver.request(Code.UNSUBSCRIBE, 1);
      await leaver.hello();
      expect(await leaver.fence()).toEqual([]);
      expect((await caller.receive()).slice(0, 5)).toEqual([
        Code.ERROR,
        Code.CALL,
        call,
        expect.anything(),
        ErrorUri.CANCELED,
      ]);
    });

    it('says nothing after its GOODBYE, whatever is due to the session (SES-12)', async () => {
      const leaver = await router().join();
      const publisher = await router().join();
      const callee = await router().join();
      await leaver.subscribe('com.example.stream');
      await callee.register('com.example.slow');
      leaver.call('com.example.slow');
      const [, invocation] = await callee.expect(Code.INVOCATION);

      for (let event = 0; event < 50; event++) publisher.publish('com.example.stream', [event]);
      leaver.send([Code.GOODBYE, {}, 'wamp.close.normal']);
      callee.send([Code.YIELD, invocation, {}, ['late']]);
      for (let event = 0; event < 50; event++) publisher.publish('com.example.stream', [event]);
      await publisher.fence();

      for (let message = await leaver.receive(); message[0] !== Code.GOODBYE; message = await leaver.receive()) {
        expect([Code.EVENT, Code.RESULT]).toContain(message[0]);
      }
      // The fence: WELCOME comes next, and then the answer to a first request.
      await leaver.hello();
      expect(await leaver.fence()).toEqual([]);
    });

    it('says nothing after its GOODBYE that the cluster was still being asked for (SES-12)', async () => {
      const leaver = await router().join({ isBatched: true });
      await (await router().join()).subscribe('com.example.topic');
      leaver.sendBatch([
        [Code.PUBLISH, 1, { acknowledge: true }, 'com.example.topic'],
        [Code.SUBSCRIBE, 2, {}, 'com.example.topic.of.mine'],
        [Code.REGISTER, 3, {}, 'com.example.procedure'],
        [Code.GOODBYE, {}, 'wamp.close.normal'],
      ]);
      while ((await leaver.receive())[0] !== Code.GOODBYE);
      await leaver.hello();
      await leaver.register('com.example.procedure');
      expect(await leaver.fence()).toEqual([]);
    });

    it('never answers ABORT: it drops the session and the transport (SES-10)', async () => {
      for (const message of [
        [Code.ABORT, {}, 'wamp.error.system_shutdown'],
        [Code.ABORT, { message: 'out' }, 'com.example.reason', [1], { two: 2 }],
      ]) {
        const joined = await router().join();
        const fresh = await router().connect();
        for (const client of [joined, fresh]) {
          client.send(message);
          await client.closed;
          expect(client.unread).toEqual([]);
        }
      }
    });

    it.each<[string, (client: RawClient) => unknown]>([
      ['GOODBYE', (client) => client.send([Code.GOODBYE, {}, 'wamp.close.normal'])],
      ['ABORT', (client) => client.send([Code.ABORT, {}, 'wamp.error.whatever'])],
      ['a closed WebSocket', (client) => client.close()],
      ['a lost transport', (client) => client.drop()],
      ['a protocol violation', (client) => client.send([99])],
    ])('releases all that a session held when it ends by %s (SES-13, DLR-11, DLR-12)', async (_end, end) => {
      const leaver = await router().join();
      const caller = await router().join();
      const callee = await router().join();
      const topic = await leaver.subscribe('com.example.released');
      await leaver.register('com.example.leaver');
      await callee.register('com.example.callee');
      caller.call('com.example.leaver');
      await leaver.expect(Code.INVOCATION);
      leaver.call('com.example.callee');
      const [, invocation] = await callee.expect(Code.INVOCATION);

      end(leaver);

      await expectError(caller, Code.CALL, 1, ErrorUri.CANCELED);
      expect(await callee.receive()).toEqual([Code.INTERRUPT, invocation, { mode: 'killnowait' }]);
      callee.send([Code.YIELD, invocation, {}, ['for nobody']]);
      await callee.register('com.example.leaver');
      expect(await callee.subscribe('com.example.released')).toBe(topic);
      const publication = await caller.publishAcknowledged('com.example.released');
      expect(await callee.receive()).toEqual([Code.EVENT, topic, publication, {}]);
      expect(await callee.fence()).toEqual([]);
      expect(await caller.fence()).toEqual([]);
    });
  },
  openRealm({ requestIdCheck: 'strict' }),
);

describeConformance(
  'time to open and to close a session',
  (router) => {
    it('closes a connection without a session in time, with what it did say, and no other (SES-8)', async () => {
      const established = await router().join();
      const silent = await router().connect();
      const refused = await router().connect();
      refused.send(hello({ roles: ALL_ROLES }, 'com.example.nowhere'));
      await expectRefusal(refused, ErrorUri.NO_SUCH_REALM);

      for (const client of [silent, refused]) {
        expect((await client.closed).code).toBe(1008);
        expect(client.unread).toEqual([]);
      }
      expect(router().counted(({ connectionsClosed }) => connectionsClosed.handshake_timeout)).toBe(2);
      expect(await established.fence()).toEqual([]);
    });

    it('gives a transport the same time for the next session after GOODBYE (SES-14)', async () => {
      const client = await router().join();
      await sayGoodbye(client);
      expect(await client.closed).toEqual({ code: 1000, reason: 'goodbye' });
      expect(client.unread).toEqual([]);
    });
  },
  { limits: { handshakeTimeoutMs: 400 } },
);

describeConformance(
  'leaving that the router began',
  (router) => {
    it('says GOODBYE, takes the reply for it, and nothing else (SES-10, SES-11, 2.1)', async () => {
      const client = await router().joinAt(0);
      const witness = router().nodeCount > 1 ? await router().joinAt(1) : undefined;
      await witness?.subscribe('com.example.topic');
      const drained = drainFirst(router());
      expect(await client.receive()).toEqual([
        Code.GOODBYE,
        { message: expect.any(String) as unknown },
        CloseUri.SYSTEM_SHUTDOWN,
      ]);
      client.publish('com.example.topic', ['too late']);
      client.send([99, 'too late to be wrong']);
      client.send([Code.GOODBYE, {}, CloseUri.GOODBYE_AND_OUT]);
      expect((await client.closed).code).toBe(1001);
      expect(client.unread).toEqual([]);
      await drained;
      await until(() => router().counted(({ connectionsClosed }) => connectionsClosed.shutdown) === 1);
      expect(await witness?.fence()).toEqual(witness && []);
    });

    it('does not wait for a reply for ever (SES-15)', async () => {
      const client = await router().joinAt(0);
      const drained = drainFirst(router());
      await client.expect(Code.GOODBYE);
      expect(await client.closed).toEqual({ code: 1000, reason: 'GOODBYE was not answered in time' });
      expect(router().counted(({ connectionsClosed }) => connectionsClosed.goodbye_timeout)).toBe(1);
      await drained;
    });
  },
  { limits: { goodbyeTimeoutMs: 400 }, drain: { farewell: 'goodbye', periodMs: 0, deadlineMs: 5_000 } },
  'test',
);

describeConformance(
  'realms on demand',
  (router) => {
    const room = (name: string): JoinOptions => ({ realm: `com.example.room.${name}` });

    it('makes a realm that the template admits, one for all nodes (SES-5)', async () => {
      const first = await router().join(room('one'));
      const second = await router().join(room('one'));
      const elsewhere = await router().join(room('two'));
      expect(first.welcome).toMatchObject({ realm: 'com.example.room.one', authrole: 'anonymous' });
      const subscription = await first.subscribe('com.example.topic');
      await elsewhere.subscribe('com.example.topic');
      await second.register('com.example.procedure');
      const publication = await second.publishAcknowledged('com.example.topic', ['hi']);
      expect(await first.receive()).toEqual([Code.EVENT, subscription, publication, {}, ['hi']]);
      first.call('com.example.procedure');
      await second.expect(Code.INVOCATION);
      expect(await elsewhere.fence()).toEqual([]);
    });

    it('makes none that it does not admit (SES-5)', async () => {
      const client = await router().connect();
      for (const realm of ['com.example.rooms', 'com.example.roo', 'realm2']) {
        client.send(hello({ roles: ALL_ROLES }, realm));
        await expectRefusal(client, ErrorUri.NO_SUCH_REALM);
      }
    });

    it('handles what comes directly behind HELLO once there is a session, in order (G10)', async () => {
      const client = await router().connect({ isBatched: true });
      client.sendBatch([
        hello({ roles: ALL_ROLES }, 'com.example.room.hasty'),
        [Code.SUBSCRIBE, 1, {}, 'com.example.topic'],
        [Code.PUBLISH, 2, { exclude_me: false }, 'com.example.topic', ['hasty']],
        [Code.REGISTER, 3, {}, 'com.example.procedure'],
        [Code.CALL, 4, {}, 'com.example.procedure'],
      ]);
      await client.expect(Code.WELCOME);
      const received = [await client.receive(), await client.receive(), await client.receive(), await client.receive()];
      const codes = received.map(([code]) => code);
      expect(codes.filter((code) => code === Code.SUBSCRIBED || code === Code.EVENT)).toEqual([33, 36]);
      expect(codes.filter((code) => code === Code.REGISTERED || code === Code.INVOCATION)).toEqual([65, 68]);
    });

    it('drops what comes behind a HELLO that it refuses, and takes another (SES-5)', async () => {
      const client = await router().connect({ isBatched: true });
      client.sendBatch([
        hello({ roles: ALL_ROLES }, 'realm2'),
        [Code.SUBSCRIBE, 1, {}, 'com.example.topic'],
        hello({ roles: ALL_ROLES }, 'com.example.room.second'),
        [Code.SUBSCRIBE, 1, {}, 'com.example.topic'],
      ]);
      expect((await client.expect(Code.ABORT))[2]).toBe(ErrorUri.NO_SUCH_REALM);
      await client.expect(Code.WELCOME);
      await client.expect(Code.SUBSCRIBED);
    });

    it('opens no session for a client that aborts while its realm is being made (2.1)', async () => {
      const client = await router().connect({ isBatched: true });
      const opened = router().counted(({ sessionsOpened }) => sessionsOpened.all);
      client.sendBatch([
        hello({ roles: ALL_ROLES }, 'com.example.room.aborted'),
        [Code.ABORT, {}, 'wamp.error.whatever'],
      ]);
      await client.closed;
      expect(client.unread).toEqual([]);
      await (await router().join(room('aborted'))).fence();
      expect(router().counted(({ sessionsOpened }) => sessionsOpened.all)).toBe(opened + 1);
    });

    it('removes a realm that was made when nobody has been there for a while, and only such (SES-5)', async () => {
      const keeper = await router().join(room('kept'));
      await keeper.subscribe('com.example.topic');
      const visitor = await router().join(room('left'));
      await visitor.register('com.example.procedure');
      visitor.drop();
      // Those configured on each node, and the one that is kept.
      await until(() => realmCount(router()) === router().nodeCount + 1);

      expect(await keeper.fence()).toEqual([]);
      const again = await router().join(room('left'));
      await again.register('com.example.procedure');
    });
  },
  {
    realmTemplate: {
      names: [{ uri: 'com.example.room.', match: 'prefix' }],
      idleMs: 1_000,
      roles: [anonymous],
    },
  },
);

describeConformance(
  'sessions in realms of any name',
  (router) => {
    it('makes whatever realm is named, and none of a name that is no URI (SES-5)', async () => {
      const one = await router().join({ realm: 'com.example.one' });
      const other = await router().join({ realm: 'anything' });
      await one.subscribe('com.example.topic');
      await other.publishAcknowledged('com.example.topic');
      expect(await one.fence()).toEqual([]);
      const client = await router().connect();
      client.send(hello({ roles: ALL_ROLES }, 'a..b'));
      expect((await client.expect(Code.ABORT))[2]).toBe('wamp.error.invalid_uri');
    });
  },
  { realmTemplate: { names: [{ uri: '', match: 'prefix' }], roles: [anonymous] } },
);

async function sayGoodbye(client: RawClient): Promise<void> {
  client.send([Code.GOODBYE, {}, CloseUri.CLOSE_REALM]);
  await client.expect(Code.GOODBYE);
}

async function drainFirst({ cluster }: Router): Promise<void> {
  await cluster.nodes[0]!.drain();
}

function realmCount({ cluster }: Router): number {
  return cluster.nodes.reduce((sum, { gauges }) => sum + gauges.realms(), 0);
}
