import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { CloseUri, ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { expectClosed, expectError, expectRefusal, until } from '../support/endings.js';
import { openRealm } from '../support/open-realm.js';
import { ALL_ROLES, type RawClient } from '../support/raw-client.js';
import { hello } from './session-samples.js';

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
      await sendGoodbye(client);

      await client.hello();
      expect(client.session).not.toBe(session);
      expect(await client.register('com.example.procedure')).toBeGreaterThan(0);
      await other.publishAcknowledged('com.example.topic', ['for nobody']);
      expect(await client.fence()).toEqual([]);
    });

    it('takes what a session still had on the way when it sent GOODBYE for late, not for wrong (SES-12, SES-14)', async () => {
      const leaver = await router().join();
      const caller = await router().join();
      await leaver.register('com.example.slow');
      const call = caller.call('com.example.slow');
      const [, invocation] = await leaver.expect(Code.INVOCATION);
      await sendGoodbye(leaver);
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

    it('sends nothing after its GOODBYE, whatever is due to the session (SES-12)', async () => {
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
      // WELCOME comes next, and then the answer to a first request.
      await leaver.hello();
      expect(await leaver.fence()).toEqual([]);
    });

    it('sends nothing after its GOODBYE that the cluster was still being asked for (SES-12)', async () => {
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
    it('closes a connection without a session in time, with a reason, and no other (SES-8)', async () => {
      const established = await router().join();
      const silent = await router().connect();
      const refused = await router().connect();
      refused.send(hello({ roles: ALL_ROLES }, 'com.example.nowhere'));
      await expectRefusal(refused, ErrorUri.NO_SUCH_REALM);

      for (const client of [silent, refused]) {
        await expectClosed(client, 1008);
        expect(client.unread).toEqual([]);
      }
      expect(router().counted(({ connectionsClosed }) => connectionsClosed.handshake_timeout)).toBe(2);
      expect(await established.fence()).toEqual([]);
    });

    it('gives a transport the same time for the next session after GOODBYE (SES-14)', async () => {
      const client = await router().join();
      await sendGoodbye(client);
      await expectClosed(client, 1000, 'goodbye');
      expect(client.unread).toEqual([]);
    });
  },
  { limits: { handshakeTimeoutMs: 400 } },
);

describeConformance(
  'leaving that the router began',
  (router) => {
    it('sends GOODBYE, takes the reply for it, and nothing else (SES-10, SES-11, 2.1)', async () => {
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
      await expectClosed(client, 1001);
      expect(client.unread).toEqual([]);
      await drained;
      await until(() => router().counted(({ connectionsClosed }) => connectionsClosed.shutdown) === 1);
      expect(await witness?.fence()).toEqual(witness && []);
    });
  },
  { drain: { farewell: 'goodbye', periodMs: 0, deadlineMs: 5_000 } },
  'test',
);

describeConformance(
  'leaving that the client does not answer',
  (router) => {
    it('does not wait for a reply for ever (SES-15)', async () => {
      const client = await router().joinAt(0);
      const drained = drainFirst(router());
      await client.expect(Code.GOODBYE);
      await expectClosed(client, 1000, 'GOODBYE was not answered in time');
      expect(router().counted(({ connectionsClosed }) => connectionsClosed.goodbye_timeout)).toBe(1);
      await drained;
    });
  },
  { limits: { goodbyeTimeoutMs: 400 }, drain: { farewell: 'goodbye', periodMs: 0, deadlineMs: 5_000 } },
  'test',
);

async function sendGoodbye(client: RawClient): Promise<void> {
  client.send([Code.GOODBYE, {}, CloseUri.CLOSE_REALM]);
  await client.expect(Code.GOODBYE);
}

async function drainFirst({ cluster }: Router): Promise<void> {
  await cluster.nodes[0]!.drain();
}
