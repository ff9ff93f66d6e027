import { describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { cleanups, startCluster } from '../support/cluster.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { expectAbort, expectError, expectPostponed, until } from '../support/endings.js';
import { ALL_ROLES, RawClient } from '../support/raw-client.js';
import { upgrade } from '../support/upgrade.js';

const TOPIC = 'com.example.topic';
const PROCEDURE = 'com.example.procedure';
const everything = {
  uri: '',
  match: 'prefix' as const,
  allow: { call: true, register: true, publish: true, subscribe: true },
};

describeConformance(
  'limits of one session',
  (router) => {
    it('maxSubscriptionsPerSession: one more gets an ERROR and is counted; others may, and so may it after UNSUBSCRIBE', async () => {
      const client = await router().join();
      const other = await router().join();
      const first = await client.subscribe('com.example.a');
      await client.subscribe('com.example.a', { match: 'prefix' });
      const before = router().counted(({ limitsReached }) => limitsReached.subscriptions_per_session);
      const request = client.request(Code.SUBSCRIBE, {}, 'com.example.b');
      expect(await expectError(client, Code.SUBSCRIBE, request, ErrorUri.LIMIT_EXCEEDED)).toMatch(
        /limit of 2 subscriptions \(limits\.maxSubscriptionsPerSession\)/,
      );
      expect(router().counted(({ limitsReached }) => limitsReached.subscriptions_per_session)).toBe(before + 1);
      expect(await client.subscribe('com.example.a')).toBe(first);
      await other.subscribe('com.example.b');
      client.request(Code.UNSUBSCRIBE, first);
      await client.expect(Code.UNSUBSCRIBED);
      await client.subscribe('com.example.b');
    });

    it('maxRegistrationsPerSession: one more gets an ERROR and is counted; others may, and so may it after UNREGISTER', async () => {
      const client = await router().join();
      const other = await router().join();
      const first = await client.register('com.example.a');
      await client.register('com.example.b');
      const before = router().counted(({ limitsReached }) => limitsReached.registrations_per_session);
      const request = client.request(Code.REGISTER, {}, 'com.example.c');
      expect(await expectError(client, Code.REGISTER, request, ErrorUri.LIMIT_EXCEEDED)).toMatch(
        /limit of 2 registrations \(limits\.maxRegistrationsPerSession\)/,
      );
      expect(router().counted(({ limitsReached }) => limitsReached.registrations_per_session)).toBe(before + 1);
      await other.register('com.example.c');
      client.request(Code.UNREGISTER, first);
      await client.expect(Code.UNREGISTERED);
      await client.register('com.example.d');
    });

    it('maxPendingCallsPerSession: one more gets an ERROR and is counted; others may, and so may it after an answer', async () => {
      const callee = await router().join();
      const caller = await router().join();
      const other = await router().join();
      await callee.register(PROCEDURE);
      const first = caller.call(PROCEDURE);
      const [, invocation] = await callee.expect(Code.INVOCATION);
      caller.call(PROCEDURE);
      await callee.expect(Code.INVOCATION);
      const before = router().counted(({ limitsReached }) => limitsReached.calls_per_session);
      expect(await expectError(caller, Code.CALL, caller.call(PROCEDURE), ErrorUri.LIMIT_EXCEEDED)).toMatch(
        /limit of 2 calls unanswered \(limits\.maxPendingCallsPerSession\)/,
      );
      expect(router().counted(({ limitsReached }) => limitsReached.calls_per_session)).toBe(before + 1);
      other.call(PROCEDURE);
      await callee.expect(Code.INVOCATION);
      callee.send([Code.YIELD, invocation, {}]);
      expect(await caller.receive()).toEqual([Code.RESULT, first, {}]);
      caller.call(PROCEDURE);
      await callee.expect(Code.INVOCATION);
    });

    it.each([
      ['maxUriBytes', `com.example.${'x'.repeat(29)}`, /longer than 40 bytes \(limits\.maxUriBytes\)/],
      ['maxUriBytes', `com.example.${'é'.repeat(15)}`, /longer than 40 bytes \(limits\.maxUriBytes\)/],
      ['maxUriComponents', 'a.b.c.d.e', /more than 4 components \(limits\.maxUriComponents\)/],
    ])('%s: a URI past it is invalid_uri wherever it stands (URI-5)', async (_limit, uri, complaint) => {
      const client = await router().join();
      for (const code of [Code.SUBSCRIBE, Code.REGISTER, Code.CALL, Code.PUBLISH]) {
        const request = client.request(code, { acknowledge: true, match: 'prefix' }, uri);
        expect(await expectError(client, code, request, ErrorUri.INVALID_URI)).toMatch(complaint);
      }
      client.publish(uri);
      for (const fitting of [`com.example.${'x'.repeat(28)}`, `com.example.${'é'.repeat(14)}`, 'a.b.c.d']) {
        await client.publishAcknowledged(fitting);
      }
      expect(await client.fence()).toEqual([]);
    });

    it.each([
      ['maxNestingDepth, in a payload', [nested(12)], {}, /nested deeper than 8 \(limits\.maxNestingDepth\)/],
      ['maxNestingDepth, in options', [], { x_deep: nested(12) }, /nested deeper than 8 \(limits\.maxNestingDepth\)/],
      ['maxContainerEntries, in a payload', [list(21)], {}, /more than 20 e\w+ \(limits\.maxContainerEntries\)/],
      ['maxContainerEntries, of a dict', [dict(21)], {}, /more than 20 e\w+ \(limits\.maxContainerEntries\)/],
      [
        'maxContainerEntries, in options',
        [],
        { x_long: list(21) },
        /more than 20 e\w+ \(limits\.maxContainerEntries\)/,
      ],
    ])('%s: past it the session is aborted', async (_limit, args, options, complaint) => {
      const fitting = await router().join();
      await fitting.publishAcknowledged(TOPIC, [nested(5), list(20), dict(20)], {
        x_deep: nested(5),
        x_long: list(20),
      });
      const offender = await router().join();
      offender.publish(TOPIC, args, options);
      expect(await expectAbort(offender)).toMatch(complaint);
      expect(await fitting.fence()).toEqual([]);
    });

    it('maxMessageBytes: a longer message aborts its session and is counted, its bytes reach nobody', async () => {
      const subscriber = await router().join();
      await subscriber.subscribe(TOPIC);
      const fitting = await router().join();
      const offender = await router().join();
      const before = router().counted(({ limitsReached }) => limitsReached.message_bytes);
      offender.publish(TOPIC, ['x'.repeat(4_097)]);
      expect(await expectAbort(offender, ErrorUri.LIMIT_EXCEEDED)).toMatch(
        /a message of \d+ bytes; at most 4096 are accepted \(limits\.maxMessageBytes\)/,
      );
      expect(router().counted(({ limitsReached }) => limitsReached.message_bytes)).toBe(before + 1);
      const envelope = fitting.serializer.encode([Code.PUBLISH, 1, {}, TOPIC, ['x'.repeat(1_000)]]).length - 1_000;
      fitting.publish(TOPIC, ['x'.repeat(4_096 - envelope)]);
      expect((await subscriber.expect(Code.EVENT))[4]).toEqual(['x'.repeat(4_096 - envelope)]);
    });

    it('maxMessageBytes: a far longer message ends the connection before it is read, and is counted', async () => {
      const offender = await router().join();
      const bystander = await router().join();
      const before = router().counted(({ limitsReached }) => limitsReached.message_bytes);
      offender.publish(TOPIC, ['x'.repeat(20_000)]);
      // RawSocket has the length in front of the message, and long-poll a way back of its own: both get an ABORT.
      if (router().transport !== 'websocket') await expectAbort(offender, ErrorUri.LIMIT_EXCEEDED);
      else expect([1006, 1009]).toContain((await offender.closed).code);
      expect(router().counted(({ limitsReached }) => limitsReached.message_bytes)).toBe(before + 1);
      expect(await bystander.fence()).toEqual([]);
    });
  },
  {
    limits: {
      maxSubscriptionsPerSession: 2,
      maxRegistrationsPerSession: 2,
      maxPendingCallsPerSession: 2,
      maxUriBytes: 40,
      maxUriComponents: 4,
      maxNestingDepth: 8,
      maxContainerEntries: 20,
      maxMessageBytes: 4_096,
    },
  },
);

describeConformance(
  'limits of a node',
  (router) => {
    it('maxSessions: one more HELLO is asked to come later and counted, and succeeds when another session has left', async () => {
      const third = await router().connectAt(0);
      const first = await router().joinAt(0);
      const second = await router().joinAt(0);
      const hello = [Code.HELLO, 'realm1', { roles: ALL_ROLES }];
      third.send(hello);
      await expectPostponed(third, /no session is free here now/);
      expect(router().counted(({ connectionsClosed }) => connectionsClosed.full)).toBe(1);
      expect(router().counted(({ limitsReached }) => limitsReached.sessions)).toBe(1);
      expect(router().counted(({ sessionsRefused }) => sessionsRefused.all)).toBe(1);
      expect(await second.fence()).toEqual([]);
      if (router().nodeCount > 1) await router().joinAt(1);
      first.send([Code.GOODBYE, {}, 'wamp.close.normal']);
      await first.expect(Code.GOODBYE);
      await router().joinAt(0);
    });

    it('maxRealms: one more realm is not made now, and counted', async () => {
      await router().joinAt(0, { realm: 'com.example.room.one' });
      const client = await router().connectAt(0);
      client.send([Code.HELLO, 'com.example.room.two', { roles: ALL_ROLES }]);
      await expectPostponed(client, /no session is free here now/);
      expect(router().counted(({ limitsReached }) => limitsReached.realms)).toBe(1);
      await router().joinAt(0, { realm: 'com.example.room.one' });
    });

    it('maxConnections: one more is refused, over HTTP with the name of the setting, and is counted; another may come when one has gone', async () => {
      const [first] = [await router().connectAt(0), await router().connectAt(0), await router().connectAt(0)];
      await expectNoRoom(router(), 'limits.maxConnections)');
      expect(router().counted(({ connectionsRefused }) => connectionsRefused.connections)).toBe(1);
      await first.close();
      await (await router().connectAt(0)).hello();
    });
  },
  {
    limits: { maxSessions: 2, maxRealms: 2, maxConnections: 3 },
    realmTemplate: {
      names: [{ uri: 'com.example.room.', match: 'prefix' }],
      roles: [{ name: 'anonymous', permissions: [everything] }],
    },
  },
  'test',
);

describeConformance(
  'limits of one connection',
  (router) => {
    it('maxConnectionsPerAddress: one more from there is refused, over HTTP with the name of the setting, and is counted', async () => {
      const first = await router().connectAt(0);
      await router().joinAt(0);
      await expectNoRoom(router(), 'limits.maxConnectionsPerAddress)');
      expect(router().counted(({ connectionsRefused }) => connectionsRefused.connections_per_address)).toBe(1);
      await first.close();
      await router().joinAt(0);
    });

    it('maxMessagesPerSecond: one message too many aborts its session and is counted; others go on', async () => {
      const hasty = await router().joinAt(0);
      const calm = await router().joinAt(0);
      for (let message = 0; message < 40; message++) hasty.publish(TOPIC, [message]);
      expect(await expectAbort(hasty, ErrorUri.LIMIT_EXCEEDED)).toMatch(
        /more than 20 messages per second \(limits\.maxMessagesPerSecond\)/,
      );
      expect(router().counted(({ limitsReached }) => limitsReached.messages_per_second)).toBe(1);
      expect(await calm.fence()).toEqual([]);
    });

    it('maxCallTimeoutMs: ends a call that has no timeout or a longer one, at that time and not before', async () => {
      const callee = await router().joinAt(0);
      const caller = await router().joinAt(1);
      await callee.register(PROCEDURE);
      const startMs = performance.now();
      const calls = [caller.call(PROCEDURE), caller.call(PROCEDURE, [], { timeout: 60_000 })];
      const errors = [await caller.receive(), await caller.receive()];
      const sentence = ['no result within 150 ms'];
      expect(errors.map(([, , request]) => request).sort()).toEqual(calls);
      for (const error of errors) {
        expect(error).toEqual([Code.ERROR, Code.CALL, error[2], {}, ErrorUri.TIMEOUT, sentence]);
      }
      expect(performance.now() - startMs).toBeGreaterThanOrEqual(149);
      expect(router().counted(({ calls }) => calls.timeout)).toBe(2);
    });
  },
  { limits: { maxConnectionsPerAddress: 2, maxMessagesPerSecond: 20, maxCallTimeoutMs: 150 } },
  'test',
);

describeConformance(
  'a slow reader (G7)',
  (router) => {
    it('is closed and counted at maxUnsentBytes, while those on the same topic and others miss nothing and wait for nobody', async () => {
      const slow = await router().joinAt(0);
      const fast = await router().joinAt(0);
      const publisher = await router().joinAt(1);
      const callee = await router().joinAt(0);
      await slow.subscribe(TOPIC);
      await slow.register('com.example.slow');
      await fast.subscribe(TOPIC);
      await callee.register(PROCEDURE);
      slow.pause(true);

      const filling = 'x'.repeat(48_000);
      let count = 0;
      for (; router().counted(({ connectionsClosed }) => connectionsClosed.slow_reader) === 0; count++) {
        // What the kernel takes for a socket is some MiB; a router without the limit would take this for ever.
        expect(count).toBeLessThan(2_000);
        publisher.publish(TOPIC, [count, filling]);
        expect((await fast.expect(Code.EVENT))[4]).toEqual([count, filling]);
        if (count % 32 === 0) await roundTrip(publisher, callee);
      }
      expect(router().counted(({ limitsReached }) => limitsReached.unsent_bytes)).toBe(1);
      await publisher.register('com.example.slow');
      publisher.publish(TOPIC, [count, filling]);
      expect((await fast.expect(Code.EVENT))[4]).toEqual([count, filling]);

      // What did leave the router is the beginning of the stream, whole and in order; then the connection ends.
      slow.pause(false);
      await slow.closed;
      const seen = slow.unread.map(([, , , , args]) => (args as [number, string])[0]);
      expect(seen).toEqual([...seen.keys()]);
      expect(seen.length).toBeLessThan(count);
    });
  },
  { limits: { maxUnsentBytes: 131_072, maxMessageBytes: 65_536 } },
  'test',
);

describe('idleTimeoutMs', () => {
  const onCleanup = cleanups();

  it('closes a peer that is silent and does not answer pings, counted; one that answers stays', async () => {
    const cluster = await startCluster(1, { limits: { idleTimeoutMs: 8_000 } });
    onCleanup(() => cluster.stop());
    const { counters } = cluster.nodes[0]!;
    const dead: RawClient[] = [];
    const alive: RawClient[] = [];
    for (const serializer of ['json', 'msgpack', 'cbor'] as const) {
      dead.push(await RawClient.join(cluster.url(0), { serializer, answersPings: false }));
      alive.push(await RawClient.join(cluster.url(0), { serializer }));
    }
    await Promise.all(dead.map((client) => client.closed));
    await until(() => counters.connectionsClosed.idle_timeout === 3);
    for (const client of alive) {
      expect(await client.fence()).toEqual([]);
      client.drop();
    }
  });
});

/** One more connection is refused because of this setting. RawSocket has an error code of its own for it (RS-2). */
async function expectNoRoom(router: Router, setting: string): Promise<void> {
  if (router.transport === 'rawsocket') {
    await expect(router.connectAt(0)).rejects.toThrow('refused: 7f400000');
    return;
  }
  if (router.transport === 'longpoll') {
    await expect(router.connectAt(0)).rejects.toThrow(setting);
    return;
  }
  expect(await upgrade(router.url(0), ['wamp.2.json'])).toEqual({
    kind: 'refused',
    status: 503,
    body: expect.stringContaining(setting) as unknown,
  });
}

async function roundTrip(caller: RawClient, callee: RawClient): Promise<void> {
  const request = caller.call(PROCEDURE);
  const [, invocation] = await callee.expect(Code.INVOCATION);
  callee.send([Code.YIELD, invocation, {}]);
  expect(await caller.receive()).toEqual([Code.RESULT, request, {}]);
}

/** A list in a list, this many in all. */
function nested(depth: number): unknown[] {
  return depth === 1 ? [] : [nested(depth - 1)];
}

function list(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

function dict(size: number): Record<string, number> {
  return Object.fromEntries(list(size).map((index) => [`key${index}`, index]));
}
