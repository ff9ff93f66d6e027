import { beforeEach, describe, expect, it } from 'vitest';
import { createKeys } from '../../../../src/backplane/redis/keys.js';
import { withdrawNode } from '../../../../src/backplane/redis/realm/scripts.js';
import { one, REALM, RealmUnderTest, three, two, type RealmScriptScene } from './realm-under-test.js';

export function describeReleases(makeScene: () => Promise<RealmScriptScene>): void {
  describe('releases', () => {
    let realm: RealmUnderTest;
    beforeEach(async () => {
      realm = new RealmUnderTest(await makeScene());
      await realm.enter(one);
      await realm.enter(two);
    });

    it('take callees off, many at once, and the procedure with the last one (SHR-4)', async () => {
      for (const session of [1, 2, 3]) await realm.claim(one, session, { invoke: 'first' });
      await realm.claim(two, 4, { invoke: 'first' });
      await realm.claim(one, 1, { member: 'prefix com', id: 9 });
      expect(await realm.release(one, { 'exact com.x': [3, 1], 'prefix com': [1] })).toMatchObject({ version: 8 });
      expect(await realm.sessionsOf()).toEqual([2, 4]);
      expect(await realm.sessionsOf('prefix com')).toBeNull();
      expect(await realm.text(realm.keys.ids, '9')).toBeNull();
      expect(await realm.members(realm.keys.held(one))).toEqual(['2 exact com.x']);
      const body = (await realm.bodies()).at(-1);
      if (typeof body !== 'object' || body.kind !== 'release') throw new Error('no release');
      expect(body.callees.map(([id, sessions]) => [id, [...sessions].sort()])).toEqual([
        [7, [1, 3]],
        [9, [1]],
      ]);
      expect(await realm.claim(two, 2, { member: 'prefix com', id: 9, invoke: 'last' })).toMatchObject({
        kind: 'granted',
      });
    });

    it('take many callees of one procedure off in one step', async () => {
      const sessions = Array.from({ length: 40 }, (_, index) => index + 1);
      for (const session of sessions) await realm.claim(session % 2 === 0 ? one : two, session, { invoke: 'first' });
      const even = sessions.filter((session) => session % 2 === 0);
      await realm.release(one, { 'exact com.x': sessions.slice(0, 38) });
      expect(await realm.sessionsOf()).toEqual(
        [...sessions.filter((session) => session % 2 === 1), 40].sort((a, b) => a - b),
      );
      await realm.release(one, { 'exact com.x': even });
      expect(await realm.sessionsOf()).toEqual(sessions.filter((session) => session % 2 === 1));
      expect(await realm.members(realm.keys.held(one))).toEqual([]);
      await realm.release(two, { 'exact com.x': sessions });
      expect(await realm.sessionsOf()).toBeNull();
    });

    it('change nothing when repeated, and nothing of other nodes', async () => {
      await realm.claim(one, 1);
      await realm.release(one, { 'exact com.x': [1] });
      const count = (await realm.changes()).length;
      expect(await realm.release(one, { 'exact com.x': [1] })).toMatchObject({ kind: 'done', version: 4 });
      await realm.claim(two, 1);
      expect(await realm.release(one, { 'exact com.x': [1] })).toMatchObject({ kind: 'done', version: 5 });
      expect(await realm.sessionsOf()).toEqual([1]);
      expect(await realm.changes()).toHaveLength(count + 1);
    });

    it('tidy what a claim by force left in the key of another node', async () => {
      await realm.claim(one, 1);
      await realm.claim(two, 2, { force: true });
      expect(await realm.members(realm.keys.held(one))).toEqual(['1 exact com.x']);
      await realm.release(one, { 'exact com.x': [1] });
      expect(await realm.members(realm.keys.held(one))).toEqual([]);
      expect(await realm.sessionsOf()).toEqual([2]);
    });
  });
}

export function describeWithdrawals(makeScene: () => Promise<RealmScriptScene>): void {
  describe('withdrawals', () => {
    let realm: RealmUnderTest;
    beforeEach(async () => {
      realm = new RealmUnderTest(await makeScene());
    });

    it('take everything of one node out, publish that, and leave the rest', async () => {
      await realm.enter(one);
      await realm.enter(two);
      await realm.interest(one, ['exact a']);
      await realm.interest(two, ['exact a']);
      await realm.claim(one, 1, { invoke: 'first' });
      await realm.claim(two, 2, { invoke: 'first' });
      await realm.claim(one, 1, { member: 'exact com.y', id: 8 });
      expect(await realm.withdraw(one)).toEqual({ isDone: true, version: 8 });
      expect(await realm.sessionsOf()).toEqual([2]);
      expect(await realm.sessionsOf('exact com.y')).toBeNull();
      expect(await realm.keysLeft()).toEqual(
        [
          realm.keys.version,
          realm.keys.nodes,
          realm.keys.procedures,
          realm.keys.ids,
          realm.keys.callees('exact com.x'),
          realm.keys.held(two),
          realm.keys.interest(two),
        ].sort(),
      );
      const body = (await realm.bodies()).at(-1);
      if (typeof body !== 'object' || body.kind !== 'withdrawn') throw new Error('no withdrawal');
      expect([...body.ids].sort()).toEqual([7, 8]);
      expect(body.node).toBe(one);
    });

    it('leave no key of a realm that nobody serves', async () => {
      await realm.enter(one);
      await realm.interest(one, ['exact a']);
      await realm.claim(one, 1);
      expect(await realm.withdraw(one)).toEqual({ isDone: true, version: 0 });
      expect(await realm.keysLeft()).toEqual([]);
    });

    it('publish nothing when there was nothing, and make no key', async () => {
      expect(await realm.withdraw(three, 9)).toEqual({ isDone: true, version: 0 });
      expect(await realm.keysLeft()).toEqual([]);
      await realm.enter(one);
      expect(await realm.withdraw(three, 9)).toEqual({ isDone: true, version: 1 });
      expect(await realm.changes()).toHaveLength(1);
    });

    it('are done in parts, each published with what it did, the interest with the last', async () => {
      await realm.enter(one);
      await realm.enter(two);
      await realm.interest(one, ['exact a']);
      for (let session = 1; session <= 501; session++)
        await realm.claim(one, session, { member: `exact p.${session}`, id: session });
      expect(await realm.withdraw(one)).toMatchObject({ isDone: false });
      const drop = (await realm.bodies()).at(-1);
      expect(drop).toMatchObject({ kind: 'drop', node: one });
      expect(typeof drop === 'object' && drop.kind === 'drop' && drop.ids).toHaveLength(500);
      expect(await realm.topics(one)).toEqual(['exact a']);
      expect(await realm.withdraw(one)).toMatchObject({ isDone: true });
      expect((await realm.bodies()).at(-1)).toMatchObject({ kind: 'withdrawn', node: one });
      expect(await realm.keysLeft()).toEqual([realm.keys.nodes, realm.keys.version]);
    });

    it('remove a callee that the list names and the procedure does not have, and what names none', async () => {
      await realm.enter(one);
      await realm.enter(two);
      await realm.claim(two, 2, { invoke: 'first' });
      for (const odd of ['2 exact com.x', '7 exact com.gone', 'nonsense', ''])
        await realm.scene.command('SADD', realm.keys.held(one), odd);
      expect(await realm.withdraw(one)).toMatchObject({ isDone: true });
      expect(await realm.sessionsOf()).toEqual([2]);
      expect((await realm.bodies()).at(-1)).toEqual({ kind: 'withdrawn', node: one, ids: [] });
    });

    it('are repeated until they are through', async () => {
      await realm.enter(one);
      for (let session = 1; session <= 501; session++)
        await realm.claim(one, session, { member: `exact p.${session}`, id: session });
      await withdrawNode(realm.store, createKeys({ prefix: realm.scene.prefix, database: 0 }), one, REALM);
      expect(await realm.keysLeft()).toEqual([]);
    });
  });
}
