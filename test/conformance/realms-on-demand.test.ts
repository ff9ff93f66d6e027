import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { expectRefusal, until } from '../support/endings.js';
import { ALL_ROLES, type JoinOptions } from '../support/raw-client.js';
import { anonymous, hello } from './session-samples.js';

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
      // The realms configured on each node, and the realm that is kept.
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

function realmCount({ cluster }: Router): number {
  return cluster.nodes.reduce((sum, { gauges }) => sum + gauges.realms(), 0);
}
