import { beforeEach, describe, expect, it } from 'vitest';
import { loadCallees, withdrawAll } from '../../../../src/backplane/redis/realm/scripts.js';
import { calleeRow, one, RealmUnderTest, two, type RealmScriptScene } from './realm-under-test.js';

export function describeClaims(makeScene: () => Promise<RealmScriptScene>): void {
  describe('claims', () => {
    let realm: RealmUnderTest;
    beforeEach(async () => {
      realm = new RealmUnderTest(await makeScene());
      await realm.enter(one);
      await realm.enter(two);
    });

    it('gives a free procedure, and reports the callee with all that is known of it', async () => {
      const reply = await realm.claim(one, 2 ** 53 - 1, { id: 2 ** 53, rest: [3, 1, 1], invoke: 'random' });
      expect(reply).toMatchObject({ kind: 'granted', version: 3, id: 2 ** 53, order: 3 });
      expect(await realm.stored()).toEqual({
        row: [1, 2 ** 53, 'random', 0, []],
        callees: { 'n-1 9007199254740991': [1, 3, 3, true, true, '', ''] },
      });
      expect((await realm.changes()).at(-1)).toEqual({
        version: 3,
        asker: one,
        body: {
          kind: 'claim',
          id: 2 ** 53,
          member: 'exact com.x',
          invoke: 'random',
          placed: {
            callee: { node: one, session: 2 ** 53 - 1, concurrency: 3, discloseCaller: true, forwardTimeout: true },
            order: 3,
          },
          isForced: false,
          createdMs: expect.any(Number) as number,
        },
      });
    });

    it('refuses a second callee of a single procedure (SHR-2), another policy (SHR-1) and the same session (DLR-4)', async () => {
      const held = { node: one, session: 1 };
      await realm.claim(one, 1);
      expect(await realm.claim(two, 2)).toEqual({ kind: 'taken', holders: [held] });
      await realm.claim(one, 1, { member: 'exact com.y', id: 8, invoke: 'first' });
      expect(await realm.claim(two, 2, { member: 'exact com.y', id: 8, invoke: 'last' })).toEqual({
        kind: 'policy',
        invoke: 'first',
        holders: [held],
      });
      expect(await realm.claim(one, 1, { member: 'exact com.y', id: 8, invoke: 'first' })).toEqual({
        kind: 'taken',
        holders: [held],
      });
      expect(await realm.claim(one, 1, { member: 'exact com.y', id: 8, invoke: 'first', force: true })).toEqual({
        kind: 'taken',
        holders: [held],
      });
      expect(await realm.changes()).toHaveLength(4);
    });

    it('keeps callees in the order of their grants (SHR-3)', async () => {
      for (const [node, session] of [
        [two, 12],
        [one, 1],
        [two, 2],
      ] as const)
        expect(await realm.claim(node, session, { invoke: 'roundrobin' })).toMatchObject({ kind: 'granted', id: 7 });
      expect(await realm.sessionsOf()).toEqual([12, 1, 2]);
    });

    it('distinguishes a session from one whose number ends or begins alike', async () => {
      await realm.claim(one, 12, { invoke: 'first' });
      expect(await realm.claim(one, 2, { invoke: 'first' })).toMatchObject({ kind: 'granted' });
      expect(await realm.claim(one, 1, { invoke: 'first' })).toMatchObject({ kind: 'granted' });
      await realm.release(one, { 'exact com.x': [2] });
      expect(await realm.sessionsOf()).toEqual([12, 1]);
    });

    it('gives a procedure the id it has, and refuses an id that another one has (ID-3)', async () => {
      await realm.claim(one, 1, { invoke: 'first' });
      expect(await realm.claim(two, 2, { id: 99, invoke: 'first' })).toMatchObject({ kind: 'granted', id: 7 });
      expect(await realm.claim(two, 2, { member: 'exact com.y' })).toEqual({ kind: 'id-taken' });
      expect(await realm.claim(two, 2, { member: 'exact com.y', id: 99 })).toMatchObject({ kind: 'granted', id: 99 });
    });

    it('by force offers what others hold, and replaces everybody once that is complete', async () => {
      await realm.claim(one, 1, { invoke: 'first', digest: 'me' });
      await realm.claim(two, 2, { invoke: 'first' });
      const force = { invoke: 'last', force: true, digest: 'you' } as const;
      expect(await realm.claim(two, 3, force)).toMatchObject({ kind: 'granted', isOffer: true, id: 7, order: 5 });
      expect(await realm.stored()).toEqual({
        row: [1, 7, 'first', 0, ['n-2 3']],
        callees: { 'n-1 1': calleeRow(3, '', 'me'), 'n-2 2': calleeRow(4), 'n-2 3': calleeRow(5, 'last', 'you') },
      });
      expect((await realm.changes()).at(-1)).toMatchObject({
        asker: two,
        body: { kind: 'claim', invoke: 'last', placed: { order: 5, takesOver: 'last' }, isForced: false },
      });
      expect(await realm.complete(two, 3)).toMatchObject({ kind: 'done', version: 6 });
      const held = { row: [1, 7, 'last', 6, []], callees: { 'n-2 3': calleeRow(5, '', 'you') } };
      expect(await realm.stored()).toEqual(held);
      expect((await realm.changes()).at(-1)).toMatchObject({
        asker: undefined,
        body: { kind: 'claim', invoke: 'last', placed: { order: 5 }, isForced: true },
      });
      expect(await realm.complete(two, 3)).toMatchObject({ kind: 'done', version: 6 });
      expect(await realm.stored()).toEqual(held);
    });

    it('by force leave a procedure with its holder when who takes it over goes', async () => {
      await realm.claim(one, 1);
      await realm.claim(two, 3, { invoke: 'last', force: true });
      await realm.release(two, { 'exact com.x': [3] });
      expect(await realm.stored()).toEqual({ row: [1, 7, 'single', 0, []], callees: { 'n-1 1': calleeRow(3) } });
      expect(await realm.complete(two, 3)).toMatchObject({ kind: 'done', version: 5 });
      await realm.claim(two, 4, { force: true });
      await withdrawAll(realm.store, realm.step(two));
      expect(await realm.stored()).toEqual({ row: [1, 7, 'single', 0, []], callees: { 'n-1 1': calleeRow(3) } });
    });

    it('by force give a procedure to the first that takes it over when its holder goes', async () => {
      for (const leave of [
        () => realm.release(one, { 'exact com.x': [1] }),
        () => withdrawAll(realm.store, realm.step(one)),
      ]) {
        await realm.claim(one, 1);
        await realm.claim(two, 3, { invoke: 'last', force: true });
        await realm.claim(two, 4, { invoke: 'roundrobin', force: true });
        await leave();
        const inherited = await realm.stored();
        const [order, since] = [expect.any(Number), expect.any(Number)] as [number, number];
        expect(inherited).toEqual({
          row: [1, 7, 'last', 0, ['n-2 4']],
          callees: { 'n-2 3': calleeRow(order), 'n-2 4': calleeRow(since, 'roundrobin') },
        });
        await realm.complete(two, 3);
        expect(await realm.stored()).toEqual(inherited);
        await realm.complete(two, 4);
        expect(await realm.sessionsOf()).toEqual([4]);
        await realm.release(two, { 'exact com.x': [4] });
      }
    });

    it('by force come on top of each other, eight at most, and end those before them', async () => {
      await realm.claim(one, 1);
      for (let session = 2; session < 10; session++) await realm.claim(two, session, { force: true });
      expect(await realm.claim(two, 10, { force: true })).toMatchObject({ kind: 'taken' });
      expect(await realm.claim(two, 9, { force: true })).toMatchObject({ kind: 'taken' });
      await realm.complete(two, 4);
      expect(await realm.sessionsOf()).toEqual([4, 5, 6, 7, 8, 9]);
      await realm.complete(two, 9);
      const [forcedAt, order] = [expect.any(Number), expect.any(Number)] as [number, number];
      expect(await realm.stored()).toEqual({
        row: [1, 7, 'single', forcedAt, []],
        callees: { 'n-2 9': calleeRow(order) },
      });
    });

    it('by force are given again at once, whatever node has written the row before', async () => {
      await realm.claim(one, 1, { order: 3 });
      const again = { invoke: 'last', force: true, order: 5 } as const;
      expect(await realm.claim(two, 2, again)).toMatchObject({ kind: 'granted', isOffer: false, order: 5 });
      expect(await realm.sessionsOf()).toEqual([2]);
      expect(await realm.claim(one, 1, { order: 3 })).toMatchObject({ kind: 'taken' });
    });

    it('by force, given again, leave those in line that take it over from them', async () => {
      await realm.claim(one, 1, { invoke: 'first', floor: 30 });
      await realm.claim(one, 3, { invoke: 'first', force: true, floor: 40 });
      await realm.claim(two, 4, { invoke: 'last', force: true, floor: 50 });
      const again = { invoke: 'random', force: true, order: 45 } as const;
      expect(await realm.claim(two, 2, again)).toMatchObject({ kind: 'granted', isOffer: false, order: 45 });
      const { row, callees } = await realm.stored();
      expect(row).toEqual([1, 7, 'random', 52, ['n-2 4']]);
      expect(callees).toEqual({ 'n-2 2': calleeRow(45), 'n-2 4': calleeRow(51, 'last') });
      await realm.complete(two, 4);
      expect(await realm.sessionsOf()).toEqual([4]);
    });

    it('gives again what the store has lost, with the order of before, under the same id only', async () => {
      await realm.claim(two, 2, { invoke: 'first', floor: 30 });
      expect(await realm.claim(one, 1, { invoke: 'first', order: 5 })).toMatchObject({ kind: 'granted', order: 5 });
      expect((await realm.stored()).callees['n-1 1']).toEqual(calleeRow(5));
      expect(await realm.claim(one, 1, { invoke: 'first', order: 5 })).toMatchObject({ kind: 'granted', order: 5 });
      expect(await realm.sessionsOf()).toEqual([1, 2]);
      expect(await realm.claim(one, 3, { invoke: 'first', order: 5, id: 8 })).toEqual({ kind: 'taken', holders: [] });
    });

    it('gives what nobody holds to a claim that may replace nobody, and names who holds it otherwise', async () => {
      expect(await realm.claim(one, 1, { invoke: 'first', force: 'if-free' })).toMatchObject({ kind: 'granted' });
      await realm.claim(one, 2, { invoke: 'first' });
      const refused = await realm.claim(two, 3, { invoke: 'first', force: 'if-free' });
      if (refused.kind !== 'protected') throw new Error(refused.kind);
      expect(refused.holders).toHaveLength(2);
      expect(new Set(refused.holders)).toEqual(
        new Set([
          { node: one, session: 1 },
          { node: one, session: 2 },
        ]),
      );
      await realm.release(one, { 'exact com.x': [1, 2] });
      expect(await realm.claim(two, 3, { force: 'if-free' })).toMatchObject({ kind: 'granted' });
    });

    it('replaces callees of the same authid alone, and keeps nothing of those that have gone', async () => {
      const mine = { invoke: 'first', force: 'same-authid', digest: 'me' } as const;
      await realm.claim(one, 1, mine);
      await realm.claim(one, 2, { invoke: 'first', digest: 'me' });
      expect(await realm.claim(two, 3, { ...mine, digest: 'you' })).toMatchObject({ kind: 'protected' });
      expect(await realm.claim(two, 3, { ...mine, digest: undefined })).toMatchObject({ kind: 'protected' });
      expect(await realm.claim(two, 4, mine)).toMatchObject({ kind: 'granted' });
      expect(await realm.claim(two, 3, { ...mine, digest: 'you' })).toMatchObject({ kind: 'protected' });
      await realm.complete(two, 4);
      expect(await realm.sessionsOf()).toEqual([4]);
      expect((await realm.stored()).callees).toEqual({ 'n-2 4': calleeRow(5, '', 'me') });
      // The callee beside it has no known authid.
      await realm.claim(one, 5, { invoke: 'first' });
      expect(await realm.claim(two, 6, mine)).toMatchObject({ kind: 'protected' });
      await realm.release(one, { 'exact com.x': [5] });
      await realm.release(two, { 'exact com.x': [4] });
      expect(await realm.keysLeft()).not.toContain(realm.keys.callees('exact com.x'));
      await realm.claim(one, 7, mine);
      await withdrawAll(realm.store, realm.step(one));
      expect(await realm.keysLeft()).not.toContain(realm.keys.callees('exact com.x'));
    });

    it('does not give again what was taken by force since', async () => {
      await realm.claim(one, 1, { invoke: 'first' });
      await realm.claim(two, 2, { invoke: 'first', force: true });
      await realm.complete(two, 2);
      expect(await realm.claim(one, 1, { invoke: 'first', order: 3 })).toEqual({ kind: 'taken', holders: [] });
      expect(await realm.claim(two, 2, { invoke: 'first', order: 4 })).toMatchObject({ kind: 'granted' });
    });

    it('gives a procedure whose callees are lost', async () => {
      await realm.claim(one, 1);
      await realm.scene.command('DEL', realm.keys.callees('exact com.x'));
      expect(await realm.claim(two, 2, { id: 9 })).toMatchObject({ kind: 'granted', id: 9 });
      expect([await realm.text(realm.keys.ids, '7'), await realm.text(realm.keys.ids, '9')]).toEqual([
        null,
        'exact com.x',
      ]);
      expect(await realm.sessionsOf()).toEqual([2]);
    });

    it('reads callees of several procedures, but no more than a limit', async () => {
      for (const session of [1, 2, 3]) await realm.claim(one, session, { invoke: 'first' });
      for (const session of [1, 2]) await realm.claim(one, session, { member: 'exact b', id: 8, invoke: 'first' });
      const hashes = ['exact b', 'exact com.x', 'exact none'].map((member) => realm.keys.callees(member));
      const read = (limitCount: number) => realm.store.run(loadCallees, { hashes, limitCount });
      expect((await read(5)).map((rows) => rows?.length)).toEqual([2, 3, 0]);
      expect((await read(4)).map((rows) => rows?.length)).toEqual([2, undefined, 0]);
      const scanned: string[] = [];
      for await (const part of realm.store.scanHash(realm.keys.callees('exact b')))
        scanned.push(...part.map(([holder]) => holder));
      expect(scanned.sort()).toEqual(['n-1 1', 'n-1 2']);
    });

    it('leaves a row alone that is of another format', async () => {
      await realm.scene.command('HSET', realm.keys.procedures, 'exact com.x', '2\nwho knows\n');
      expect(await realm.claim(one, 1)).toEqual({ kind: 'unreadable' });
      expect(await realm.release(one, { 'exact com.x': [1] })).toMatchObject({ kind: 'done', version: 2 });
      expect(await realm.text(realm.keys.procedures, 'exact com.x')).toBe('2\nwho knows\n');
    });
  });
}
