import { describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { CloseUri, ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { expectClosed, expectError, expectPostponed, until } from '../support/endings.js';
import { ALL_ROLES, RawClient } from '../support/raw-client.js';

const PROCEDURE = 'com.example.procedure';

// What clients see at the end of their session depends on drain.farewell; all else about a drain does not.
describe.each(['close', 'goodbye'] as const)('with the farewell "%s"', (farewell) => {
  describeConformance(
    'draining a node',
    (router) => {
      it('sends all its sessions away and no other (SES-10, SES-11)', async () => {
        const sessions = [await router().joinAt(0), await router().joinAt(0), await router().joinAt(0)];
        const witness = await elsewhere(router());
        const drained = router().cluster.nodes[0]!.drain();
        for (const session of sessions) await expectFarewell(session);
        await drained;
        expect(router().cluster.nodes[0]!.gauges.sessions()).toBe(0);
        expect(await witness?.fence()).toEqual(witness && []);
      });

      it('opens no new session: not on a new connection, nor on an open one', async () => {
        const waiting = await router().connectAt(0);
        const draining = router().cluster.nodes[0]!.drain();
        waiting.send([Code.HELLO, 'realm1', { roles: ALL_ROLES }]);
        await expectPostponed(waiting, /going away/);
        await expect(RawClient.connect(router().url(0))).rejects.toThrow(/ECONNREFUSED/);
        waiting.drop();
        await draining;
        expect(router().cluster.nodes[0]!.counters.sessionsOpened.all).toBe(0);
      });

      it('lets calls in flight end before their callee and caller have to go (G3)', async () => {
        const callee = await router().joinAt(0);
        const caller = await router().joinAt(0);
        const idle = await router().joinAt(0);
        await callee.register(PROCEDURE);
        const request = caller.call(PROCEDURE);
        const [, invocation] = await callee.expect(Code.INVOCATION);

        const drained = router().cluster.nodes[0]!.drain();
        await expectFarewell(idle);
        expect(callee.unread).toEqual([]);
        expect(caller.unread).toEqual([]);
        callee.send([Code.YIELD, invocation, {}, ['in time']]);
        expect(await caller.receive()).toEqual([Code.RESULT, request, {}, ['in time']]);
        await expectFarewell(callee);
        await expectFarewell(caller);
        await drained;
      });

      it('refuses new calls by name to a caller that is to go, which would never be without one (G3)', async () => {
        const callee = await router().joinAt(router().nodeCount - 1);
        const caller = await router().joinAt(0);
        const idle = await router().joinAt(0);
        await callee.register('com.example.elsewhere');
        const request = caller.call('com.example.elsewhere');
        const [, invocation] = await callee.expect(Code.INVOCATION);
        const drained = router().cluster.nodes[0]!.drain();
        await expectFarewell(idle);
        await expectError(caller, Code.CALL, caller.call('com.example.elsewhere'), ErrorUri.UNAVAILABLE);
        callee.send([Code.YIELD, invocation, {}]);
        expect(await caller.receive()).toEqual([Code.RESULT, request, {}]);
        await expectFarewell(caller);
        if (router().nodeCount === 1) await expectFarewell(callee);
        await drained;
      });

      it('sends no more calls to the callees of the node, but to those of others (design 3)', async () => {
        const leaving = await router().joinAt(0);
        const caller = await router().joinAt(router().nodeCount - 1);
        await leaving.register(PROCEDURE, { invoke: 'first' });
        const staying = await elsewhere(router());
        await staying?.register(PROCEDURE, { invoke: 'first' });
        // A call under way keeps the leaving callee connected while others are made.
        const held = caller.call(PROCEDURE);
        const [, invocation] = await leaving.expect(Code.INVOCATION);
        const drained = router().cluster.nodes[0]!.drain();
        // The fence: what a node changes is known to all in the order of its changes. Until then calls are still served.
        await leaving.register('com.example.fence');

        if (staying === undefined) {
          // It is to go itself.
          await expectError(caller, Code.CALL, caller.call(PROCEDURE), ErrorUri.UNAVAILABLE);
        } else {
          const request = caller.call(PROCEDURE);
          const [, other] = await staying.expect(Code.INVOCATION);
          staying.send([Code.YIELD, other, {}, ['from another node']]);
          expect(await caller.receive()).toEqual([Code.RESULT, request, {}, ['from another node']]);
        }
        leaving.send([Code.YIELD, invocation, {}]);
        expect(await caller.receive()).toEqual([Code.RESULT, held, {}]);
        await expectFarewell(leaving);
        if (staying === undefined) await expectFarewell(caller);
        await drained;
      });

      it('leaves nothing behind that is in the way of a session that comes back elsewhere (SES-13)', async () => {
        const leaver = await router().joinAt(0);
        await leaver.register(PROCEDURE);
        await leaver.subscribe('com.example.topic');
        const drained = router().cluster.nodes[0]!.drain();
        await expectFarewell(leaver);
        await drained;
        const again = await elsewhere(router());
        if (again !== undefined) await again.register(PROCEDURE);
        for (const { gauges } of router().cluster.nodes) expect(gauges.subscriptions()).toBe(0);
      });

      it('answers GOODBYE of a client whose turn has not come, also where it sends none itself (SES-10)', async () => {
        const callee = await router().joinAt(0);
        const leaver = await router().joinAt(0);
        await callee.register(PROCEDURE);
        leaver.call(PROCEDURE);
        await callee.expect(Code.INVOCATION);
        const drained = router().cluster.nodes[0]!.drain();
        leaver.send([Code.GOODBYE, {}, 'wamp.close.normal']);
        expect(await leaver.receive()).toEqual([Code.GOODBYE, {}, CloseUri.GOODBYE_AND_OUT]);
        leaver.drop();
        expect((await callee.expect(Code.INTERRUPT))[1]).toBe(1);
        callee.send([Code.ERROR, Code.INVOCATION, 1, {}, ErrorUri.CANCELED]);
        await expectFarewell(callee);
        await drained;
      });

      it('is done once, however often it is asked for, and can be cut by stop', async () => {
        const session = await router().joinAt(0);
        const node = router().cluster.nodes[0]!;
        const drained = node.drain();
        expect(node.drain()).toBe(drained);
        if (farewell === 'goodbye') await session.expect(Code.GOODBYE);
        await node.stop();
        await expectClosed(session, CLOSINGS[farewell].code);
        await drained;
      });
    },
    { drain: { farewell, periodMs: 0, deadlineMs: 10_000 }, limits: { goodbyeTimeoutMs: 5_000 } },
    'test',
  );

  describeConformance(
    'draining over time',
    (router) => {
      it('is spread over drain.periodMs, so that not all come back at once', async () => {
        const sessions: RawClient[] = [];
        for (let count = 0; count < 8; count++) sessions.push(await router().joinAt(0));
        const drained = router().cluster.nodes[0]!.drain();
        await Promise.race(sessions.map((session) => expectFarewell(session)));
        const { counters } = router().cluster.nodes[0]!;
        expect(counters.sessionsClosed.all).toBeGreaterThan(0);
        expect(counters.sessionsClosed.all).toBeLessThan(8);
        await until(() => counters.sessionsClosed.all === 8);
        expect(counters.messagesOut[Code.GOODBYE]).toBe(farewell === 'goodbye' ? 8 : 0);
        for (const session of sessions) session.drop();
        await drained;
      });
    },
    { drain: { farewell, periodMs: 1_000, deadlineMs: 20_000 } },
    'test',
  );

  describeConformance(
    'the deadline of a drain',
    (router) => {
      it('sends away also those with calls in flight, whose callers learn that they are canceled (G3, DLR-12)', async () => {
        const callee = await router().joinAt(0);
        const caller = await elsewhere(router());
        const local = await router().joinAt(0);
        await callee.register(PROCEDURE);
        local.call(PROCEDURE);
        caller?.call(PROCEDURE);
        for (let call = caller === undefined ? 1 : 0; call < 2; call++) await callee.expect(Code.INVOCATION);

        const startMs = performance.now();
        const drained = router().cluster.nodes[0]!.drain();
        // Which of the two goes first is open: the callee may receive INTERRUPT.
        const interrupts = farewell === 'goodbye' ? [await callee.receive()] : [];
        if (interrupts[0]?.[0] === Code.INTERRUPT) interrupts.push(await callee.receive());
        if (farewell === 'goodbye')
          expect(interrupts.at(-1)).toMatchObject([Code.GOODBYE, {}, CloseUri.SYSTEM_SHUTDOWN]);
        else await callee.closed;
        expect(performance.now() - startMs).toBeGreaterThanOrEqual(299);
        if (caller !== undefined) await expectError(caller, Code.CALL, 1, ErrorUri.CANCELED);
        await drained;
        await router().cluster.nodes[0]!.stop();
        await expectClosed(callee, CLOSINGS[farewell].code);
      });
    },
    { drain: { farewell, periodMs: 0, deadlineMs: 300 } },
    'test',
  );

  /** The session ends as configured, with nothing else before. */
  async function expectFarewell(client: RawClient): Promise<void> {
    if (farewell === 'goodbye') {
      expect(await client.receive()).toEqual([
        Code.GOODBYE,
        { message: 'this node is shutting down: connect again' },
        CloseUri.SYSTEM_SHUTDOWN,
      ]);
      replyGoodbye(client);
    }
    await expectClosed(client, CLOSINGS[farewell].code, CLOSINGS[farewell].reason);
    expect(client.unread).toEqual([]);
  }
});

const CLOSINGS = {
  close: { code: 1012, reason: 'the router restarts: connect again' },
  goodbye: { code: 1001, reason: 'the router shuts down' },
} as const;

/** A session on another node than the first, where there is one. */
async function elsewhere(router: Router): Promise<RawClient | undefined> {
  return router.nodeCount > 1 ? router.joinAt(1) : undefined;
}

function replyGoodbye(client: RawClient): void {
  client.send([Code.GOODBYE, {}, CloseUri.GOODBYE_AND_OUT]);
}
