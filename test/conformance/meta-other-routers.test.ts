import { expect, it } from 'vitest';
import { MetaTopic } from '../../src/routing/meta/topics.js';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance } from '../support/conformance.js';
import { callError, freshUri } from '../support/exchange.js';
import { DEPARTURES, leave } from '../support/fences.js';
import { metaResult } from '../support/meta.js';
import { openRealm } from '../support/open-realm.js';
import type { RawClient } from '../support/raw-client.js';

/*
 * What nexus (N) and Crossbar.io (C) test of the meta API, in our own words. Where a chapter has the case already:
 *
 *   N on_join, on_leave, session.get; C get_sessions            meta-sessions: each join once; when a session ends by …
 *   N session.kill, also of oneself and of nobody; kill_all     meta-sessions: sessions that are killed
 *   N kill_by_authid of those with the caller's own             meta-sessions: are named by authid
 *   N registration on_create … on_delete                        meta-registrations: the life of a registration
 *   N registration list, lookup, match, get, callees            meta-registrations: knows a registration; matches
 *   N subscription procedures                                   meta-subscriptions
 *   N, C testaments: published, flushed, scopes, wrong scopes   testaments
 *   N session count, list; C dangling sessions                  below
 *   N kill of a callee (a deadlock there), modify_details       below
 *   N subscription.get of a wildcard, after its end             below
 *   C list with filter_authroles by keyword (its issue 1581)    below
 *
 * Not ours: N answers kill_by_authid with a number, and goodbyes with wamp.close.normal (SMA-7, SMA-1).
 */
describeConformance(
  'cases of other routers for the meta API',
  (router) => {
    it.each(DEPARTURES)(
      'a session is counted and listed from its on_join to its on_leave, by %s (SMA-2, SMA-3)',
      async (how) => {
        const watcher = await router().joinAt(0);
        const count = (): Promise<unknown> => metaResult(watcher, 'wamp.session.count');
        // Sessions of the test before are on their way out.
        await expect.poll(count).toBe(1);
        await watcher.subscribe(MetaTopic.SESSION_JOINED);
        const [other, witness] = [await router().joinAt(1), await router().joinAt(1)];
        const joined = [await eventOf(watcher), await eventOf(watcher)].map(
          ([details]) => (details as Details).session,
        );
        expect(joined.sort()).toEqual([other.session, witness.session].sort());
        expect(await count()).toBe(3);
        expect(await metaResult(watcher, 'wamp.session.list')).toContain(other.session);
        await watcher.subscribe(MetaTopic.SESSION_LEFT);
        await leave(other, how, witness);
        expect((await eventOf(watcher))[0]).toBe(other.session);
        expect(await metaResult(watcher, 'wamp.session.list')).not.toContain(other.session);
        await expect.poll(count).toBe(2);
      },
    );

    it('a callee that is killed leaves its registration and its calls, and the caller of kill gets an answer (SMA-1, DLR-12)', async () => {
      const [watcher, callee, caller] = [await router().joinAt(0), await router().joinAt(1), await router().joinAt(2)];
      const procedure = freshUri('killed');
      const id = await callee.register(procedure);
      await watcher.subscribe(MetaTopic.CALLEE_REMOVED);
      caller.call(procedure);
      await callee.expect(Code.INVOCATION);
      watcher.call('wamp.session.kill', [callee.session], {}, { reason: 'com.example.enough' });
      await callee.expect(Code.GOODBYE);
      callee.send([Code.GOODBYE, {}, 'wamp.close.goodbye_and_out']);
      const received = [await watcher.receive(), await watcher.receive()];
      expect(received.map(([code]) => code).sort()).toEqual([Code.EVENT, Code.RESULT]);
      expect(received.find(([code]) => code === Code.EVENT)?.[4]).toEqual([callee.session, id]);
      expect((await caller.expect(Code.ERROR))[4]).toBe(ErrorUri.CANCELED);
      expect(await metaResult(watcher, 'wamp.registration.lookup', [procedure])).toBeNull();
    });

    it('a subscription is described until its last subscriber leaves it, also one to a wildcard (UMA-5)', async () => {
      const [subscriber, caller] = [await router().joinAt(0), await router().joinAt(1)];
      const uri = `${freshUri('wild')}..end`;
      const id = await subscriber.subscribe(uri, { match: 'wildcard' });
      expect(await metaResult(caller, 'wamp.subscription.get', [id])).toMatchObject({ id, uri, match: 'wildcard' });
      subscriber.request(Code.UNSUBSCRIBE, id);
      await subscriber.expect(Code.UNSUBSCRIBED);
      expect(await callError(caller, caller.call('wamp.subscription.get', [id]))).toBe(ErrorUri.NO_SUCH_SUBSCRIPTION);
    });

    it('sessions are listed by authrole, given by keyword (SMA-8)', async () => {
      const client = await router().join();
      const list = async (...roles: string[]): Promise<unknown> => {
        client.call('wamp.session.list', [], {}, { filter_authroles: roles });
        const [, , , args] = await client.expect(Code.RESULT);
        return (args as unknown[])[0];
      };
      expect(await list('anonymous')).toContain(client.session);
      expect(await list('other')).toEqual([]);
    });

    it('no session changes the details of another', async () => {
      const client = await router().join();
      const call = client.call('wamp.session.modify_details', [client.session, { authid: 'bob' }]);
      expect(await callError(client, call)).toBe(ErrorUri.NO_SUCH_PROCEDURE);
    });
  },
  openRealm({ metaApi: 'all' }),
);

interface Details {
  readonly session: number;
}

/** The arguments of the next event. */
async function eventOf(subscriber: RawClient): Promise<readonly unknown[]> {
  const [, , , , args] = await subscriber.expect(Code.EVENT);
  return args as unknown[];
}
