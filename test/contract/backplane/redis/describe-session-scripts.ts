import { beforeEach, describe, expect, it } from 'vitest';
import { createKeys, shardOf, type SessionsKeys } from '../../../../src/backplane/redis/keys.js';
import type { Script, Store } from '../../../../src/backplane/redis/ports.js';
import { packSession, packTestaments } from '../../../../src/backplane/redis/sessions/rows.js';
import {
  countSessions,
  joinSessions,
  leaveSessions,
  loadSessions,
  setTestaments,
  takeSessions,
} from '../../../../src/backplane/redis/sessions/scripts.js';
import { SessionReader } from '../../../../src/backplane/redis/sessions/session-reader.js';
import type { LostSession, SessionRow } from '../../../../src/backplane/session-row.js';
import { createClusterCounters } from '../../../../src/telemetry/cluster-counters.js';
import type { NodeId, SessionId } from '../../../../src/wamp/ids.js';
import { sessionOf } from '../samples.js';

export interface SessionScriptScene {
  readonly store: Store;
  readonly prefix: string;
  command(name: string, key: string, ...words: readonly (string | number)[]): Promise<unknown>;
}

const [one, two] = ['n-1', 'n-2'] as NodeId[] as [NodeId, NodeId];
const LARGE = 2 ** 53 - 16;
const REALM = 'r';
const OTHER = 'other realm';
const JOINED_AT_MS = 1_700_000_000_000;

/** What the steps of the sessions promise. `makeScene` gives an empty store. */
export function describeSessionScripts(name: string, makeScene: () => Promise<SessionScriptScene>): void {
  describe(`scripts of the sessions: ${name}`, () => {
    let scene: SessionScriptScene;
    let shards: readonly SessionsKeys[];
    /** All ids are of this shard. */
    let keys: SessionsKeys;
    let reader: SessionReader;
    let counters: ReturnType<typeof createClusterCounters>;
    beforeEach(async () => {
      scene = await makeScene();
      shards = createKeys({ prefix: scene.prefix, database: 0 }).sessions;
      keys = shards[0]!;
      counters = createClusterCounters();
      reader = new SessionReader({ store: scene.store, shards, counters });
    });

    const id = (number: number): SessionId => (number === LARGE ? LARGE : 16 * number) as SessionId;
    const join = (node: NodeId, ids: number[], { isAgain = false, realm = REALM, role = 'user' } = {}) =>
      scene.store.run(joinSessions, {
        keys,
        node,
        isAgain,
        sessions: ids.map((number) => {
          const session = id(number);
          return { session, realm, row: packSession(node, JOINED_AT_MS, sessionOf(session, role)) };
        }),
      });
    const leave = (node: NodeId, ids: number[], realm = REALM) =>
      scene.store.run(leaveSessions, { keys, node, sessions: ids.map((number) => ({ session: id(number), realm })) });
    const setOf = (node: NodeId, number: number, ...texts: string[]) =>
      scene.store.run(setTestaments, {
        keys,
        node,
        session: id(number),
        testaments: texts.length === 0 ? undefined : packTestaments(texts.map((text) => Buffer.from(text))),
      });
    const count = (realm: string, ...roles: string[]) => scene.store.run(countSessions, { keys, realm, roles });
    const keysLeft = () => scene.command('KEYS', `${scene.prefix}:*`);
    const listed = async (realm: string, roles?: string[]): Promise<SessionRow[]> => {
      const rows: SessionRow[] = [];
      for await (const part of reader.list(realm, roles)) rows.push(...part);
      return rows.sort((a, b) => a.session - b.session);
    };

    it('enters each id once in the cluster, whatever the realm (SES-2)', async () => {
      expect(shardOf(LARGE)).toBe(0);
      expect(await join(one, [1, LARGE, 3])).toEqual([true, true, true]);
      expect(await join(two, [LARGE, 4, 5])).toEqual([false, true, true]);
      expect(await join(two, [1], { realm: OTHER })).toEqual([false]);
      expect(await join(one, [1, 1, 6, 6])).toEqual([false, false, true, false]);
      expect(await scene.command('HGET', keys.ids, `${LARGE}`)).toBe(one);
      expect(await scene.command('HGET', keys.of(two), `${id(4)}`)).toBe(REALM);
      expect(await scene.command('HGET', keys.of(two), `${LARGE}`)).toBeNull();
    });

    it('stores all of a session, and reads it in its realm', async () => {
      await join(one, [1]);
      const row = { ...sessionOf(id(1), 'user'), realm: REALM, node: one, joinedAtMs: JOINED_AT_MS };
      expect(await reader.get(REALM, id(1))).toEqual(row);
      expect(await listed(REALM)).toEqual([row]);
      expect(await reader.get(OTHER, id(1))).toBeUndefined();
      expect(await reader.get(REALM, id(2))).toBeUndefined();
    });

    it('keeps no more than a bounded part of what a client chose for its transport', async () => {
      const details = sessionOf(id(1));
      const transport = { ...details.transport, peer: 'x'.repeat(100_000) };
      const row = packSession(one, 0, { ...details, transport });
      await scene.store.run(joinSessions, {
        keys,
        node: one,
        isAgain: false,
        sessions: [{ session: id(1), realm: REALM, row }],
      });
      expect((await reader.get(REALM, id(1)))?.transport.peer).toBe('x'.repeat(255));
    });

    it('enters again what the node has, and nothing that another has', async () => {
      await join(one, [1, 2]);
      await join(two, [3]);
      expect(await join(one, [1, 3, 4], { isAgain: true, role: 'admin' })).toEqual([true, false, true]);
      expect([await count(REALM), await count(REALM, 'user'), await count(REALM, 'admin')]).toEqual([4, 2, 2]);
    });

    it('lets a session leave by its own node only', async () => {
      await join(one, [1, 2]);
      expect(await leave(two, [1])).toBe(0);
      expect(await leave(one, [1, 9])).toBe(1);
      expect(await leave(one, [1])).toBe(0);
      expect(await join(two, [1, 2])).toEqual([true, false]);
    });

    it('counts sessions by realm and role, and leaves nothing of those that have left', async () => {
      await join(one, [1, 2], { role: 'user' });
      await join(two, [3], { role: 'admin' });
      await join(two, [4], { realm: OTHER, role: '' });
      expect([await count(REALM), await count(OTHER), await count('none')]).toEqual([3, 1, 0]);
      expect(await count(REALM, 'user')).toBe(2);
      expect(await count(REALM, 'admin', 'nobody', 'user')).toBe(3);
      expect(await count(OTHER, '')).toBe(1);
      expect(await reader.count(REALM, ['user', 'user'])).toBe(2);
      expect(await reader.count(REALM, [])).toBe(0);
      expect((await listed(REALM, ['admin'])).map(({ session }) => session)).toEqual([id(3)]);
      await leave(one, [1, 2]);
      expect([await count(REALM), await count(REALM, 'user')]).toEqual([1, 0]);
      await leave(two, [3]);
      await leave(two, [4], OTHER);
      expect(await keysLeft()).toEqual([]);
    });

    it('forgets all sessions of a node in every shard, hands each over, and leaves no key', async () => {
      const sessions = Array.from({ length: 40 }, (_, index) => (index + 1) as SessionId);
      for (const session of sessions) {
        const row = packSession(one, JOINED_AT_MS, sessionOf(session));
        const place = { session, realm: session % 2 === 0 ? REALM : OTHER, row };
        await scene.store.run(joinSessions, {
          keys: shards[shardOf(session)]!,
          node: one,
          isAgain: false,
          sessions: [place],
        });
      }
      await join(two, [99]);
      const handed: SessionRow[] = [];
      await reader.forget(one, (node, rows) => {
        expect(node).toBe(one);
        handed.push(...rows);
      });
      expect(handed.map(({ session }) => session).sort((a, b) => a - b)).toEqual(sessions);
      for (const { session, realm, node } of handed)
        expect([realm, node]).toEqual([session % 2 === 0 ? REALM : OTHER, one]);
      expect(await scene.command('HGET', keys.ids, `${id(99)}`)).toBe(two);
      expect(await listed(REALM)).toHaveLength(1);
      await reader.forget(two, undefined);
      expect(await keysLeft()).toEqual([]);
    });

    it('hands over each once, also when the first attempt fails in between (TST-7)', async () => {
      await join(one, [1, 2]);
      for (const number of [1, 2]) await setOf(one, number, 'x'.repeat(1_048_576));
      const handed: number[] = [];
      const hand = (_node: NodeId, rows: readonly LostSession[]): void => {
        handed.push(...rows.map(({ session }) => session));
      };
      const failing = new SessionReader({ store: failingAfter(scene.store, 1), shards, counters });
      await expect(failing.forget(one, hand)).rejects.toThrow('the store is away');
      expect(handed).toHaveLength(1);
      await reader.forget(one, hand);
      expect(handed.sort((a, b) => a - b)).toEqual([id(1), id(2)]);
      expect(await keysLeft()).toEqual([]);
    });

    it('stores testaments of sessions that the node has, until these leave', async () => {
      await join(one, [1, 2]);
      await join(two, [3]);
      const stored = (node: NodeId) => scene.command('HLEN', keys.testaments(node));
      expect([await setOf(one, 1, 'a'), await setOf(one, 1, 'a'), await setOf(one, 2, 'b')]).toEqual([
        true,
        true,
        true,
      ]);
      expect([await setOf(one, 3, 'c'), await setOf(one, 4, 'd'), await setOf(two, 1, 'e')]).toEqual([
        false,
        false,
        false,
      ]);
      expect([await stored(one), await stored(two)]).toEqual([2, 0]);
      expect([await setOf(one, 2), await setOf(one, 9)]).toEqual([true, true]);
      expect(await stored(one)).toBe(1);
      await join(one, [1], { isAgain: true });
      expect(await stored(one)).toBe(1);
      await leave(one, [1]);
      expect(await stored(one)).toBe(0);
    });

    it('counts and skips testaments that it does not understand, and hands over their session', async () => {
      await join(one, [1, 2]);
      await scene.command('HSET', keys.testaments(one), `${id(1)}`, 'nonsense');
      await setOf(one, 2, 'b');
      const handed: LostSession[] = [];
      await reader.forget(one, (_node, rows) => handed.push(...rows));
      expect(handed.map(({ session, testaments }) => [session, testaments?.length])).toEqual([
        [id(1), undefined],
        [id(2), 1],
      ]);
      expect(counters.rowsIgnored.shape).toBe(1);
      expect(await keysLeft()).toEqual([]);
    });

    it('never takes an id from another node that has got it since', async () => {
      await join(one, [1]);
      await scene.command('HSET', keys.ids, `${id(1)}`, two);
      await reader.forget(one, undefined);
      expect(await scene.command('HGET', keys.ids, `${id(1)}`)).toBe(two);
      expect(await count(REALM)).toBe(0);
    });

    it('counts and skips a row that it does not understand, and removes it with its session', async () => {
      await join(one, [1, 2]);
      await scene.command('HSET', keys.in(REALM), `${id(1)}`, 'nonsense');
      expect(await listed(REALM)).toHaveLength(1);
      expect(await reader.get(REALM, id(1))).toBeUndefined();
      expect(counters.rowsIgnored.shape).toBe(2);
      const [bytes] = await scene.store.run(loadSessions, { keys, sessions: [{ session: id(1), realm: REALM }] });
      expect(String(bytes)).toBe('nonsense');
      await leave(one, [1, 2]);
      expect(await scene.command('HGET', keys.in(REALM), `${id(1)}`)).toBeNull();
    });
  });
}

/** The same store, which carries out that many steps of `take_sessions.lua` and fails with the next. */
function failingAfter(store: Store, count: number): Store {
  let left = count;
  return {
    run: <Input, Reply>(script: Script<Input, Reply>, input: Input) =>
      script.file === takeSessions.file && left-- === 0
        ? Promise.reject(new Error('the store is away'))
        : store.run(script, input),
    scanSet: (key) => store.scanSet(key),
    scanHash: (key) => store.scanHash(key),
  };
}
