import { beforeEach, describe, expect, it } from 'vitest';
import { loadRealm, markComplete } from '../../../../src/backplane/redis/realm/scripts.js';
import { describeClaims } from './describe-claim-scripts.js';
import { describeReleases, describeWithdrawals } from './describe-release-scripts.js';
import { one, RealmUnderTest, two, type RealmScriptScene } from './realm-under-test.js';

const LOADING = Buffer.from([0x92, 1, 0xa7, ...Buffer.from('loading')]);
const COMPLETE = Buffer.from([0x92, 1, 0xa8, ...Buffer.from('complete')]);

/** The promises of a realm's steps. `makeScene` returns an empty store that listens to the channel of REALM. */
export function describeRealmScripts(name: string, makeScene: () => Promise<RealmScriptScene>): void {
  describe(`scripts of a realm: ${name}`, () => {
    describeServing(makeScene);
    describeInterest(makeScene);
    describeClaims(makeScene);
    describeReleases(makeScene);
    describeWithdrawals(makeScene);
  });
}

function describeServing(makeScene: () => Promise<RealmScriptScene>): void {
  describe('serving', () => {
    let realm: RealmUnderTest;
    beforeEach(async () => {
      realm = new RealmUnderTest(await makeScene());
    });

    it('counts every change once and publishes it in the order of the versions', async () => {
      const loading = [[one, LOADING]] as const;
      expect(await realm.enter(one)).toEqual({ kind: 'entered', version: 1, isBehind: false, nodes: new Map(loading) });
      const both = new Map([...loading, [two, LOADING]]);
      expect(await realm.enter(two, 1)).toEqual({ kind: 'entered', version: 2, isBehind: false, nodes: both });
      expect(await realm.interest(one, ['exact a'])).toMatchObject({ kind: 'done', version: 3 });
      expect(await realm.claim(two, 5)).toMatchObject({ kind: 'granted', version: 4 });
      expect((await realm.changes()).map((change) => typeof change === 'object' && change.version)).toEqual([
        1, 2, 3, 4,
      ]);
    });

    it('enters a node once', async () => {
      await realm.enter(one);
      expect(await realm.enter(one, 1)).toMatchObject({ kind: 'known', version: 1, isBehind: false });
      expect(await realm.enter(one, 2)).toMatchObject({ kind: 'known', version: 1, isBehind: true });
      expect(await realm.bodies()).toEqual([{ kind: 'enter', node: one }]);
    });

    it('reads version and nodes, loading until they report that they are whole', async () => {
      await realm.enter(one);
      await realm.enter(two);
      expect(await realm.store.run(markComplete, realm.step(two))).toMatchObject({ kind: 'done', version: 3 });
      expect(await realm.store.run(loadRealm, realm.keys)).toEqual({
        version: 3,
        nodes: new Map([
          [one, LOADING],
          [two, COMPLETE],
        ]),
      });
      expect((await realm.changes()).at(-1)).toEqual({ version: 3, asker: two, body: { kind: 'complete', node: two } });
    });

    it('takes nothing from a node that does not serve the realm', async () => {
      await realm.enter(one);
      expect(await realm.interest(two, ['exact a'])).toEqual({ kind: 'not-serving' });
      expect(await realm.claim(two, 5)).toEqual({ kind: 'not-serving' });
      expect(await realm.complete(two, 5)).toEqual({ kind: 'not-serving' });
      expect(await realm.release(two, { 'exact com.x': [5] })).toEqual({ kind: 'not-serving' });
      expect(await realm.store.run(markComplete, realm.step(two))).toEqual({ kind: 'not-serving' });
      expect(await realm.changes()).toHaveLength(1);
    });

    it('never counts below what a node knows, although the store has lost it', async () => {
      expect(await realm.enter(one, 40)).toMatchObject({ kind: 'entered', version: 41, isBehind: true });
      expect(await realm.interest(one, ['exact a'], [], 50)).toMatchObject({ version: 51 });
      expect(await realm.interest(one, ['exact b'], [], 3)).toMatchObject({ version: 52 });
    });

    it('reads a realm nobody serves as empty', async () => {
      expect(await realm.store.run(loadRealm, realm.keys)).toEqual({ version: 0, nodes: new Map() });
    });
  });
}

function describeInterest(makeScene: () => Promise<RealmScriptScene>): void {
  describe('interest', () => {
    let realm: RealmUnderTest;
    beforeEach(async () => {
      realm = new RealmUnderTest(await makeScene());
    });

    it('adds and takes back topics in one step with one change, and names who serves the realm', async () => {
      await realm.enter(one);
      await realm.enter(two);
      await realm.interest(one, ['exact a', 'prefix b']);
      const reply = await realm.interest(one, ['wildcard c..d'], ['exact a']);
      expect(reply).toMatchObject({ kind: 'done', version: 4 });
      expect(reply.kind === 'done' && [...reply.nodes].sort()).toEqual([one, two]);
      const members = await realm.topics(one);
      expect(members.sort()).toEqual(['prefix b', 'wildcard c..d']);
      expect((await realm.changes()).at(-1)).toEqual({
        version: 4,
        asker: one,
        body: {
          kind: 'interest',
          node: one,
          added: ['wildcard c..d'],
          removed: ['exact a'],
          times: [expect.any(Number) as number],
          leavers: [0],
        },
      });
    });

    it('has nobody confirm what is only taken back', async () => {
      await realm.enter(one);
      await realm.interest(one, [], ['exact a']);
      expect((await realm.changes()).at(-1)).toMatchObject({
        asker: undefined,
        body: { added: [], removed: ['exact a'] },
      });
    });

    it('takes 500 topics at once, of any characters', async () => {
      await realm.enter(one);
      const added = Array.from({ length: 499 }, (_, index) => `exact t.${index}`);
      const odd = 'exact a"b\\c\u0001.é😀\u2028';
      await realm.interest(one, [...added, odd]);
      expect(await realm.topics(one)).toHaveLength(500);
      expect((await realm.bodies()).at(-1)).toMatchObject({ added: [...added, odd] });
    });
  });
}
