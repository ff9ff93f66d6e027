import { describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance } from '../support/conformance.js';
import { answer, callError, freshUri, invocation } from '../support/exchange.js';
import { DEPARTURES, leave } from '../support/fences.js';
import { eventsOf, metaResult, nextEvent, watcherAt } from '../support/meta.js';
import { openRealm } from '../support/open-realm.js';
import type { RawClient } from '../support/raw-client.js';

const [CREATED, ADDED, REMOVED, DELETED] = ['on_create', 'on_register', 'on_unregister', 'on_delete'].map(
  (name) => `wamp.registration.${name}`,
) as [string, string, string, string];

async function unregister(callee: RawClient, registration: number): Promise<void> {
  callee.request(Code.UNREGISTER, registration);
  await callee.expect(Code.UNREGISTERED);
}

describeConformance('the registration meta API', (router) => {
  it('knows a registration on every node as soon as REGISTERED has come (RMA)', async () => {
    const [callee, ...callers] = [await router().join(), await router().join(), await router().join()];
    const procedure = freshUri('known');
    const id = await callee.register(procedure, { invoke: 'roundrobin' });
    const seen: unknown[] = [];
    for (const caller of callers) {
      const details = await metaResult(caller, 'wamp.registration.get', [id]);
      seen.push(details);
      expect(details).toEqual({
        id,
        created: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
        uri: procedure,
        match: 'exact',
        invoke: 'roundrobin',
      });
      expect(await metaResult(caller, 'wamp.registration.lookup', [procedure])).toBe(id);
      expect(await metaResult(caller, 'wamp.registration.lookup', [procedure, { match: 'prefix' }])).toBeNull();
      expect(await metaResult(caller, 'wamp.registration.match', [procedure])).toBe(id);
      expect(await metaResult(caller, 'wamp.registration.match', [`${procedure}.other`])).toBeNull();
      expect(await metaResult(caller, 'wamp.registration.list_callees', [id])).toEqual([callee.session]);
      expect(await metaResult(caller, 'wamp.registration.count_callees', [id])).toBe(1);
      const listed = (await metaResult(caller, 'wamp.registration.list')) as Record<string, number[]>;
      expect(Object.keys(listed).sort()).toEqual(['exact', 'prefix', 'wildcard']);
      expect(listed['exact']).toContain(id);
      const own = { exact: [id], prefix: [], wildcard: [] };
      expect(await metaResult(caller, 'wamp.registration.list', [callee.session])).toEqual(own);
    }
    expect(new Set(seen.map((one) => JSON.stringify(one))).size).toBe(1);
  });

  it('matches as a CALL does, without the procedures of the router, and names the defaults (RMA-1)', async () => {
    const [callee, caller] = [await router().join(), await router().join()];
    const name = freshUri('pattern');
    const prefix = await callee.register(`${name}.a`, { match: 'prefix' });
    const wildcard = await callee.register(`${name}..c`, { match: 'wildcard', invoke: 'first' });
    expect(await metaResult(caller, 'wamp.registration.match', [`${name}.a.c`])).toBe(prefix);
    expect(await metaResult(caller, 'wamp.registration.match', [`${name}.b.c`])).toBe(wildcard);
    expect(await metaResult(caller, 'wamp.registration.lookup', [`${name}..c`, { match: 'wildcard' }])).toBe(wildcard);
    const own = { exact: [], prefix: [prefix], wildcard: [wildcard] };
    expect(await metaResult(caller, 'wamp.registration.list', [callee.session])).toEqual(own);
    expect(await metaResult(caller, 'wamp.registration.get', [prefix])).toMatchObject({
      match: 'prefix',
      invoke: 'single',
    });
    expect(await metaResult(caller, 'wamp.registration.match', ['wamp.session.count'])).toBeNull();
  });

  it('answers wrong arguments by name', async () => {
    const client = await router().join();
    for (const [procedure, args, error] of [
      ['lookup', [], ErrorUri.INVALID_ARGUMENT],
      ['lookup', ['com.x', { match: 'fuzzy' }], ErrorUri.INVALID_ARGUMENT],
      ['match', [7], ErrorUri.INVALID_ARGUMENT],
      ['get', ['com.x'], ErrorUri.INVALID_ARGUMENT],
      ['get', [7], ErrorUri.NO_SUCH_REGISTRATION],
      ['list_callees', [7], ErrorUri.NO_SUCH_REGISTRATION],
      ['count_callees', [7], ErrorUri.NO_SUCH_REGISTRATION],
      ['list', [7], ErrorUri.NO_SUCH_SESSION],
      ['remove_callee', [7, 7], ErrorUri.NO_SUCH_PROCEDURE],
    ] as const)
      expect(await callError(client, client.call(`wamp.registration.${procedure}`, [...args]))).toBe(error);
  });

  it('publishes the life of a registration once and in order, at every node (RMA, UMA-1)', async () => {
    const watchers: RawClient[] = [];
    for (let node = 0; node < router().nodeCount; node++)
      watchers.push(await watcherAt(router(), node, 'wamp.registration.'));
    const [one, two] = [await router().joinAt(0), await router().joinAt(1)];
    const procedure = freshUri('life');
    const id = await one.register(procedure, { invoke: 'first' });
    await two.register(procedure, { invoke: 'first' });
    const details = await metaResult(one, 'wamp.registration.get', [id]);
    for (const watcher of watchers) {
      expect(await eventsOf(router(), watcher, id)).toEqual([
        [CREATED, one.session, details],
        [ADDED, one.session, id],
        [ADDED, two.session, id],
      ]);
    }
    await unregister(one, id);
    for (const watcher of watchers) expect(await nextEvent(watcher, id)).toEqual([REMOVED, one.session]);
    await unregister(two, id);
    for (const watcher of watchers) {
      expect(await nextEvent(watcher, id)).toEqual([REMOVED, two.session]);
      expect(await nextEvent(watcher, id)).toEqual([DELETED, two.session]);
      expect(await eventsOf(router(), watcher, id)).toEqual([]);
    }
    expect(await metaResult(one, 'wamp.registration.lookup', [procedure])).toBeNull();
  });

  it.each([
    ['on_register', 'on_unregister'],
    ['on_create', 'on_delete'],
  ])('publishes the end to a session that does not receive the beginning: %s, %s', async (begin, end) => {
    for (let node = 0; node < router().nodeCount; node++) {
      const callee = await router().joinAt(node);
      const [first, second] = [await router().joinAt(0), await router().joinAt(0)];
      await first.subscribe(`wamp.registration.${end}`);
      const id = await callee.register(freshUri('end'));
      await second.subscribe(`wamp.registration.${end}`);
      await unregister(callee, id);
      for (const watcher of [first, second]) {
        const [, , , , args] = await watcher.expect(Code.EVENT);
        expect([begin, args]).toEqual([begin, [callee.session, id]]);
      }
    }
  });

  it('publishes on_register when a call that follows finds the callee: the recipe that waits for a back end', async () => {
    const waiting = await router().join();
    await waiting.subscribe(ADDED);
    const procedure = freshUri('backend');
    expect(await metaResult(waiting, 'wamp.registration.match', [procedure])).toBeNull();
    const callee = await router().join();
    const id = await callee.register(procedure);
    expect(((await waiting.expect(Code.EVENT))[4] as unknown[])[1]).toBe(id);
    const call = waiting.call(procedure);
    answer(callee, (await invocation(callee)).request);
    expect((await waiting.expect(Code.RESULT))[1]).toBe(call);
  });

  it('sends REGISTERED before its events to the same session (UMA-2)', async () => {
    const client = await router().join();
    await client.subscribe('wamp.registration.', { match: 'prefix' });
    const request = client.request(Code.REGISTER, {}, freshUri('own'));
    const [code, answered, id] = await client.receive();
    expect([code, answered]).toEqual([Code.REGISTERED, request]);
    expect(await nextEvent(client, id as number)).toEqual([CREATED, client.session]);
    expect(await nextEvent(client, id as number)).toEqual([ADDED, client.session]);
  });

  describe.each(DEPARTURES)('when the last callee ends by %s', (how) => {
    it('publishes on_unregister and on_delete (UMA-1)', async () => {
      for (let node = 0; node < router().nodeCount; node++) {
        const watcher = await watcherAt(router(), 0, 'wamp.registration.');
        const [callee, witness] = [await router().joinAt(node), await router().joinAt(node)];
        const id = await callee.register(freshUri('last'));
        expect(await nextEvent(watcher, id)).toEqual([CREATED, callee.session]);
        expect(await nextEvent(watcher, id)).toEqual([ADDED, callee.session]);
        await leave(callee, how, witness);
        expect(await nextEvent(watcher, id)).toEqual([REMOVED, callee.session]);
        expect(await nextEvent(watcher, id)).toEqual([DELETED, callee.session]);
        expect(await eventsOf(router(), watcher, id)).toEqual([]);
      }
    });
  });
});

describeConformance(
  'the registration meta API with metaApi: all',
  (router) => {
    it('takes a registration from a session, which is notified if it announced that (REV-1, REV-2)', async () => {
      const admin = await router().join();
      const watcher = await watcherAt(router(), 0, 'wamp.registration.');
      for (let node = 0; node < router().nodeCount; node++) {
        const callee = await router().joinAt(node);
        const procedure = freshUri('revoked');
        const id = await callee.register(procedure);
        const remove = (session: number): number =>
          admin.call('wamp.registration.remove_callee', [id, session], {}, { reason: 'com.example.why' });
        expect(await callError(admin, remove(admin.session))).toBe(ErrorUri.NO_SUCH_SESSION);
        remove(callee.session);
        expect((await admin.expect(Code.RESULT))[3]).toEqual([null]);
        expect(await callee.receive()).toEqual([Code.UNREGISTERED, 0, { registration: id, reason: 'com.example.why' }]);
        for (const topic of [CREATED, ADDED, REMOVED, DELETED])
          expect(await nextEvent(watcher, id)).toEqual([topic, callee.session]);
        expect(await callError(admin, admin.call(procedure))).toBe(ErrorUri.NO_SUCH_PROCEDURE);
        expect(await callError(admin, remove(callee.session))).toBe(ErrorUri.NO_SUCH_REGISTRATION);
      }
    });

    it('publishes that a callee has lost its procedure to another by force', async () => {
      const watcher = await watcherAt(router(), 0, 'wamp.registration.');
      const [holder, taker] = [await router().joinAt(0), await router().joinAt(1)];
      const procedure = freshUri('taken');
      const id = await holder.register(procedure);
      await taker.register(procedure, { force_reregister: true });
      expect(await nextEvent(watcher, id)).toEqual([CREATED, holder.session]);
      expect(await nextEvent(watcher, id)).toEqual([ADDED, holder.session]);
      // In which order: the row and the notice of REGISTERED take different ways.
      const changed = [await nextEvent(watcher, id), await nextEvent(watcher, id)];
      expect(changed.sort()).toEqual([
        [ADDED, taker.session],
        [REMOVED, holder.session],
      ]);
      expect(await eventsOf(router(), watcher, id)).toEqual([]);
    });

    it('refuses a reason that is no URI', async () => {
      const client = await router().join();
      const id = await client.register(freshUri('reason'));
      const request = client.call('wamp.registration.remove_callee', [id, client.session, 'no uri #']);
      expect(await callError(client, request)).toBe(ErrorUri.INVALID_URI);
    });
  },
  openRealm({ metaApi: 'all', allowForceReregister: true }),
);
