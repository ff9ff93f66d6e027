import { beforeEach, describe, expect, it } from 'vitest';
import { unpack } from '../../../../src/backplane/packr.js';
import { createKeys, type RealmKeys } from '../../../../src/backplane/redis/keys.js';
import type { Store } from '../../../../src/backplane/redis/ports.js';
import { parseChange } from '../../../../src/backplane/redis/realm/changes.js';
import { calleeTraits, parseCallee } from '../../../../src/backplane/redis/realm/rows.js';
import {
  changeInterest,
  claimProcedure,
  completeTakeover,
  enterRealm,
  loadCallees,
  loadRealm,
  markComplete,
  releaseCallees,
  withdrawAll,
  withdrawNode,
  withdrawPart,
  type ClaimProcedure,
  type ClaimReply,
  type RealmStep,
} from '../../../../src/backplane/redis/realm/scripts.js';
import type { NodeId } from '../../../../src/wamp/ids.js';

export interface RealmScriptScene {
  readonly store: Store;
  readonly prefix: string;
  command(name: string, key: string, ...words: readonly (string | number)[]): Promise<unknown>;
  /** A field of a hash. */
  bytes(key: string, field: string): Promise<Uint8Array | null>;
  /** All published on the realm's channel so far. */
  messages(): Promise<readonly Uint8Array[]>;
}

export const REALM = 'realm.one';
const LOADING = Buffer.from([0x92, 1, 0xa7, ...Buffer.from('loading')]);
const COMPLETE = Buffer.from([0x92, 1, 0xa8, ...Buffer.from('complete')]);
const [one, two, three] = ['n-1', 'n-2', 'n-3'] as NodeId[] as [NodeId, NodeId, NodeId];
const REST = calleeTraits({ node: one, session: 1 as never, discloseCaller: true, forwardTimeout: false });

/** What the steps of a realm promise. `makeScene` gives an empty store that listens to the channel of REALM. */
export function describeRealmScripts(name: string, makeScene: () => Promise<RealmScriptScene>): void {
  describe(`scripts of a realm: ${name}`, () => {
    let scene: RealmScriptScene;
    let keys: RealmKeys;
    let channel: string;
    beforeEach(async () => {
      scene = await makeScene();
      const all = createKeys({ prefix: scene.prefix, database: 0 });
      keys = all.realm(REALM);
      channel = all.channels.realm(REALM);
    });

    const step = (node: NodeId, floor = 0): RealmStep => ({ keys, channel, node, floor });
    const enter = (node: NodeId, floor?: number) => scene.store.run(enterRealm, step(node, floor));
    const interest = (node: NodeId, added: string[], removed: string[] = [], floor?: number) =>
      scene.store.run(changeInterest, { ...step(node, floor), added, removed });
    const claim = (node: NodeId, session: number, overrides: Partial<ClaimProcedure> = {}): Promise<ClaimReply> =>
      scene.store.run(claimProcedure, {
        ...step(node),
        member: 'exact com.x',
        id: 7,
        invoke: 'single',
        session,
        rest: REST,
        force: false,
        ...overrides,
      });
    const release = (node: NodeId, callees: Record<string, number[]>) =>
      scene.store.run(releaseCallees, { ...step(node), callees: new Map(Object.entries(callees)) });
    const complete = (node: NodeId, session: number) =>
      scene.store.run(completeTakeover, { ...step(node), member: 'exact com.x', session });
    /** One step, with what a scan would find. */
    const withdraw = async (node: NodeId, floor = 0) => {
      const held = (await scene.command('SMEMBERS', keys.held(node))) as string[];
      return scene.store.run(withdrawPart, { ...step(node, floor), held: held.slice(0, 500) });
    };
    const text = (key: string, field: string) => scene.command('HGET', key, field) as Promise<string | null>;
    const changes = async () => (await scene.messages()).map((message) => parseChange(message));
    const bodies = async () => (await changes()).map((change) => (typeof change === 'string' ? change : change.body));
    const calleesOf = async (member: string) => {
      const [rows] = await scene.store.run(loadCallees, { hashes: [keys.callees(member)], limitCount: 1_000 });
      if (rows === undefined) throw new Error('too many callees');
      return rows.map(([holder, row]) => {
        const placed = parseCallee(holder, row);
        if (typeof placed === 'string') throw new Error(placed);
        return { ...placed, holder, row: unpack(row) as unknown[] };
      });
    };
    /** By the order of their grants; null: there is no such procedure. */
    const sessionsOf = async (member = 'exact com.x'): Promise<number[] | null> => {
      const callees = await calleesOf(member);
      if ((await scene.bytes(keys.procedures, member)) === null) {
        expect(callees).toEqual([]);
        return null;
      }
      return callees.sort((a, b) => a.order - b.order).map(({ callee }) => callee.session);
    };
    /** Everything that is stored of one procedure. */
    const stored = async (member = 'exact com.x') => {
      const row = await scene.bytes(keys.procedures, member);
      const callees = await calleesOf(member);
      return { row: row && unpack(row), callees: Object.fromEntries(callees.map((one) => [one.holder, one.row])) };
    };
    const calleeRow = (order: number, takesOver = '', digest = ''): unknown[] => [
      1,
      order,
      0,
      true,
      false,
      takesOver,
      digest,
    ];
    const keysLeft = async (): Promise<string[]> =>
      ((await scene.command('KEYS', `${scene.prefix}:*`)) as string[]).filter((key) => key.startsWith(scene.prefix));

    describe('serving', () => {
      it('counts every change once and says it in the order of the versions', async () => {
        const loading = [[one, LOADING]] as const;
        expect(await enter(one)).toEqual({ kind: 'entered', version: 1, isBehind: false, nodes: new Map(loading) });
        const both = new Map([...loading, [two, LOADING]]);
        expect(await enter(two, 1)).toEqual({ kind: 'entered', version: 2, isBehind: false, nodes: both });
        expect(await interest(one, ['exact a'])).toMatchObject({ kind: 'done', version: 3 });
        expect(await claim(two, 5)).toMatchObject({ kind: 'granted', version: 4 });
        expect((await changes()).map((change) => typeof change === 'object' && change.version)).toEqual([1, 2, 3, 4]);
      });

      it('enters a node once', async () => {
        await enter(one);
        expect(await enter(one, 1)).toMatchObject({ kind: 'known', version: 1, isBehind: false });
        expect(await enter(one, 2)).toMatchObject({ kind: 'known', version: 1, isBehind: true });
        expect(await bodies()).toEqual([{ kind: 'enter', node: one }]);
      });

      it('reads version and nodes, loading until they say that they are whole', async () => {
        await enter(one);
        await enter(two);
        expect(await scene.store.run(markComplete, step(two))).toMatchObject({ kind: 'done', version: 3 });
        expect(await scene.store.run(loadRealm, keys)).toEqual({
          version: 3,
          nodes: new Map([
            [one, LOADING],
            [two, COMPLETE],
          ]),
        });
        expect((await changes()).at(-1)).toEqual({ version: 3, asker: two, body: { kind: 'complete', node: two } });
      });

      it('takes nothing from a node that does not serve the realm', async () => {
        await enter(one);
        expect(await interest(two, ['exact a'])).toEqual({ kind: 'not-serving' });
        expect(await claim(two, 5)).toEqual({ kind: 'not-serving' });
        expect(await complete(two, 5)).toEqual({ kind: 'not-serving' });
        expect(await release(two, { 'exact com.x': [5] })).toEqual({ kind: 'not-serving' });
        expect(await scene.store.run(markComplete, step(two))).toEqual({ kind: 'not-serving' });
        expect(await changes()).toHaveLength(1);
      });

      it('never counts below what a node knows, although the store has lost it', async () => {
        expect(await enter(one, 40)).toMatchObject({ kind: 'entered', version: 41, isBehind: true });
        expect(await interest(one, ['exact a'], [], 50)).toMatchObject({ version: 51 });
        expect(await interest(one, ['exact b'], [], 3)).toMatchObject({ version: 52 });
      });

      it('reads a realm nobody serves as empty', async () => {
        expect(await scene.store.run(loadRealm, keys)).toEqual({ version: 0, nodes: new Map() });
      });
    });

    describe('interest', () => {
      it('adds and takes back topics in one step with one change, and names who serves the realm', async () => {
        await enter(one);
        await enter(two);
        await interest(one, ['exact a', 'prefix b']);
        const reply = await interest(one, ['wildcard c..d'], ['exact a']);
        expect(reply).toMatchObject({ kind: 'done', version: 4 });
        expect(reply.kind === 'done' && [...reply.nodes].sort()).toEqual([one, two]);
        const members = (await scene.command('SMEMBERS', keys.interest(one))) as string[];
        expect(members.sort()).toEqual(['prefix b', 'wildcard c..d']);
        expect((await changes()).at(-1)).toEqual({
          version: 4,
          asker: one,
          body: { kind: 'interest', node: one, added: ['wildcard c..d'], removed: ['exact a'] },
        });
      });

      it('has nobody confirm what is only taken back', async () => {
        await enter(one);
        await interest(one, [], ['exact a']);
        expect((await changes()).at(-1)).toMatchObject({ asker: undefined, body: { added: [], removed: ['exact a'] } });
      });

      it('takes 500 topics at once, of any characters', async () => {
        await enter(one);
        const added = Array.from({ length: 499 }, (_, index) => `exact t.${index}`);
        const odd = 'exact a"b\\c\u0001.é😀\u2028';
        await interest(one, [...added, odd]);
        expect(await scene.command('SMEMBERS', keys.interest(one))).toHaveLength(500);
        expect((await bodies()).at(-1)).toMatchObject({ added: [...added, odd] });
      });
    });

    describe('claims', () => {
      beforeEach(async () => {
        await enter(one);
        await enter(two);
      });

      it('gives a free procedure, and says the callee with all that is to be known of it', async () => {
        const reply = await claim(one, 2 ** 53 - 1, { id: 2 ** 53, rest: [3, 1, 1], invoke: 'random' });
        expect(reply).toMatchObject({ kind: 'granted', version: 3, id: 2 ** 53, order: 3 });
        expect(await stored()).toEqual({
          row: [1, 2 ** 53, 'random', 0, []],
          callees: { 'n-1 9007199254740991': [1, 3, 3, true, true, '', ''] },
        });
        expect((await changes()).at(-1)).toEqual({
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
          },
        });
      });

      it('refuses a second callee of a single procedure (SHR-2), another policy (SHR-1) and the same session (DLR-4)', async () => {
        const held = { node: one, session: 1 };
        await claim(one, 1);
        expect(await claim(two, 2)).toEqual({ kind: 'taken', holders: [held] });
        await claim(one, 1, { member: 'exact com.y', id: 8, invoke: 'first' });
        expect(await claim(two, 2, { member: 'exact com.y', id: 8, invoke: 'last' })).toEqual({
          kind: 'policy',
          invoke: 'first',
          holders: [held],
        });
        expect(await claim(one, 1, { member: 'exact com.y', id: 8, invoke: 'first' })).toEqual({
          kind: 'taken',
          holders: [held],
        });
        expect(await claim(one, 1, { member: 'exact com.y', id: 8, invoke: 'first', force: true })).toEqual({
          kind: 'taken',
          holders: [held],
        });
        expect(await changes()).toHaveLength(4);
      });

      it('keeps callees in the order of their grants (SHR-3)', async () => {
        for (const [node, session] of [
          [two, 12],
          [one, 1],
          [two, 2],
        ] as const)
          expect(await claim(node, session, { invoke: 'roundrobin' })).toMatchObject({ kind: 'granted', id: 7 });
        expect(await sessionsOf()).toEqual([12, 1, 2]);
      });

      it('tells a session from one whose number ends or begins alike', async () => {
        await claim(one, 12, { invoke: 'first' });
        expect(await claim(one, 2, { invoke: 'first' })).toMatchObject({ kind: 'granted' });
        expect(await claim(one, 1, { invoke: 'first' })).toMatchObject({ kind: 'granted' });
        await release(one, { 'exact com.x': [2] });
        expect(await sessionsOf()).toEqual([12, 1]);
      });

      it('gives a procedure the id it has, and refuses an id that another one has (ID-3)', async () => {
        await claim(one, 1, { invoke: 'first' });
        expect(await claim(two, 2, { id: 99, invoke: 'first' })).toMatchObject({ kind: 'granted', id: 7 });
        expect(await claim(two, 2, { member: 'exact com.y' })).toEqual({ kind: 'id-taken' });
        expect(await claim(two, 2, { member: 'exact com.y', id: 99 })).toMatchObject({ kind: 'granted', id: 99 });
      });

      it('by force offers what others hold, and replaces everybody once that is complete', async () => {
        await claim(one, 1, { invoke: 'first', digest: 'me' });
        await claim(two, 2, { invoke: 'first' });
        const force = { invoke: 'last', force: true, digest: 'you' } as const;
        expect(await claim(two, 3, force)).toMatchObject({ kind: 'granted', isOffer: true, id: 7, order: 5 });
        expect(await stored()).toEqual({
          row: [1, 7, 'first', 0, ['n-2 3']],
          callees: { 'n-1 1': calleeRow(3, '', 'me'), 'n-2 2': calleeRow(4), 'n-2 3': calleeRow(5, 'last', 'you') },
        });
        expect((await changes()).at(-1)).toMatchObject({
          asker: two,
          body: { kind: 'claim', invoke: 'last', placed: { order: 5, takesOver: 'last' }, isForced: false },
        });
        expect(await complete(two, 3)).toMatchObject({ kind: 'done', version: 6 });
        const held = { row: [1, 7, 'last', 6, []], callees: { 'n-2 3': calleeRow(5, '', 'you') } };
        expect(await stored()).toEqual(held);
        expect((await changes()).at(-1)).toMatchObject({
          asker: undefined,
          body: { kind: 'claim', invoke: 'last', placed: { order: 5 }, isForced: true },
        });
        expect(await complete(two, 3)).toMatchObject({ kind: 'done', version: 6 });
        expect(await stored()).toEqual(held);
      });

      it('by force leave a procedure with its holder when who takes it over goes', async () => {
        await claim(one, 1);
        await claim(two, 3, { invoke: 'last', force: true });
        await release(two, { 'exact com.x': [3] });
        expect(await stored()).toEqual({ row: [1, 7, 'single', 0, []], callees: { 'n-1 1': calleeRow(3) } });
        expect(await complete(two, 3)).toMatchObject({ kind: 'done', version: 5 });
        await claim(two, 4, { force: true });
        await withdrawAll(scene.store, step(two));
        expect(await stored()).toEqual({ row: [1, 7, 'single', 0, []], callees: { 'n-1 1': calleeRow(3) } });
      });

      it('by force give a procedure to the first that takes it over when its holder goes', async () => {
        for (const leave of [() => release(one, { 'exact com.x': [1] }), () => withdrawAll(scene.store, step(one))]) {
          await claim(one, 1);
          await claim(two, 3, { invoke: 'last', force: true });
          await claim(two, 4, { invoke: 'roundrobin', force: true });
          await leave();
          const inherited = await stored();
          const [order, since] = [expect.any(Number), expect.any(Number)] as [number, number];
          expect(inherited).toEqual({
            row: [1, 7, 'last', 0, ['n-2 4']],
            callees: { 'n-2 3': calleeRow(order), 'n-2 4': calleeRow(since, 'roundrobin') },
          });
          await complete(two, 3);
          expect(await stored()).toEqual(inherited);
          await complete(two, 4);
          expect(await sessionsOf()).toEqual([4]);
          await release(two, { 'exact com.x': [4] });
        }
      });

      it('by force come on top of each other, eight at most, and end those before them', async () => {
        await claim(one, 1);
        for (let session = 2; session < 10; session++) await claim(two, session, { force: true });
        expect(await claim(two, 10, { force: true })).toMatchObject({ kind: 'taken' });
        expect(await claim(two, 9, { force: true })).toMatchObject({ kind: 'taken' });
        await complete(two, 4);
        expect(await sessionsOf()).toEqual([4, 5, 6, 7, 8, 9]);
        await complete(two, 9);
        const [forcedAt, order] = [expect.any(Number), expect.any(Number)] as [number, number];
        expect(await stored()).toEqual({ row: [1, 7, 'single', forcedAt, []], callees: { 'n-2 9': calleeRow(order) } });
      });

      it('by force are given again at once, whoever has written the row before', async () => {
        await claim(one, 1, { order: 3 });
        const again = { invoke: 'last', force: true, order: 5 } as const;
        expect(await claim(two, 2, again)).toMatchObject({ kind: 'granted', isOffer: false, order: 5 });
        expect(await sessionsOf()).toEqual([2]);
        expect(await claim(one, 1, { order: 3 })).toMatchObject({ kind: 'taken' });
      });

      it('gives again what the store has lost, with the order of before, under the same id only', async () => {
        await claim(two, 2, { invoke: 'first', floor: 30 });
        expect(await claim(one, 1, { invoke: 'first', order: 5 })).toMatchObject({ kind: 'granted', order: 5 });
        expect((await stored()).callees['n-1 1']).toEqual(calleeRow(5));
        expect(await claim(one, 1, { invoke: 'first', order: 5 })).toMatchObject({ kind: 'granted', order: 5 });
        expect(await sessionsOf()).toEqual([1, 2]);
        expect(await claim(one, 3, { invoke: 'first', order: 5, id: 8 })).toEqual({ kind: 'taken', holders: [] });
      });

      it('gives what nobody holds to a claim that may replace nobody, and names who holds it otherwise', async () => {
        expect(await claim(one, 1, { invoke: 'first', force: 'if-free' })).toMatchObject({ kind: 'granted' });
        await claim(one, 2, { invoke: 'first' });
        const refused = await claim(two, 3, { invoke: 'first', force: 'if-free' });
        if (refused.kind !== 'protected') throw new Error(refused.kind);
        expect(refused.holders).toHaveLength(2);
        expect(new Set(refused.holders)).toEqual(
          new Set([
            { node: one, session: 1 },
            { node: one, session: 2 },
          ]),
        );
        await release(one, { 'exact com.x': [1, 2] });
        expect(await claim(two, 3, { force: 'if-free' })).toMatchObject({ kind: 'granted' });
      });

      it('replaces callees of the same authid alone, and keeps nothing of those that have gone', async () => {
        const mine = { invoke: 'first', force: 'same-authid', digest: 'me' } as const;
        await claim(one, 1, mine);
        await claim(one, 2, { invoke: 'first', digest: 'me' });
        expect(await claim(two, 3, { ...mine, digest: 'you' })).toMatchObject({ kind: 'protected' });
        expect(await claim(two, 3, { ...mine, digest: undefined })).toMatchObject({ kind: 'protected' });
        expect(await claim(two, 4, mine)).toMatchObject({ kind: 'granted' });
        expect(await claim(two, 3, { ...mine, digest: 'you' })).toMatchObject({ kind: 'protected' });
        await complete(two, 4);
        expect(await sessionsOf()).toEqual([4]);
        expect((await stored()).callees).toEqual({ 'n-2 4': calleeRow(5, '', 'me') });
        // Somebody beside it whose authid nobody knows.
        await claim(one, 5, { invoke: 'first' });
        expect(await claim(two, 6, mine)).toMatchObject({ kind: 'protected' });
        await release(one, { 'exact com.x': [5] });
        await release(two, { 'exact com.x': [4] });
        expect(await keysLeft()).not.toContain(keys.callees('exact com.x'));
        await claim(one, 7, mine);
        await withdrawAll(scene.store, step(one));
        expect(await keysLeft()).not.toContain(keys.callees('exact com.x'));
      });

      it('does not give again what was taken by force since', async () => {
        await claim(one, 1, { invoke: 'first' });
        await claim(two, 2, { invoke: 'first', force: true });
        await complete(two, 2);
        expect(await claim(one, 1, { invoke: 'first', order: 3 })).toEqual({ kind: 'taken', holders: [] });
        expect(await claim(two, 2, { invoke: 'first', order: 4 })).toMatchObject({ kind: 'granted' });
      });

      it('gives a procedure whose callees are lost', async () => {
        await claim(one, 1);
        await scene.command('DEL', keys.callees('exact com.x'));
        expect(await claim(two, 2, { id: 9 })).toMatchObject({ kind: 'granted', id: 9 });
        expect([await text(keys.ids, '7'), await text(keys.ids, '9')]).toEqual([null, 'exact com.x']);
        expect(await sessionsOf()).toEqual([2]);
      });

      it('reads callees of several procedures, but no more than a limit', async () => {
        for (const session of [1, 2, 3]) await claim(one, session, { invoke: 'first' });
        for (const session of [1, 2]) await claim(one, session, { member: 'exact b', id: 8, invoke: 'first' });
        const hashes = ['exact b', 'exact com.x', 'exact none'].map((member) => keys.callees(member));
        const read = (limitCount: number) => scene.store.run(loadCallees, { hashes, limitCount });
        expect((await read(5)).map((rows) => rows?.length)).toEqual([2, 3, 0]);
        expect((await read(4)).map((rows) => rows?.length)).toEqual([2, undefined, 0]);
        const scanned: string[] = [];
        for await (const part of scene.store.scanHash(keys.callees('exact b')))
          scanned.push(...part.map(([holder]) => holder));
        expect(scanned.sort()).toEqual(['n-1 1', 'n-1 2']);
      });

      it('leaves a row alone that is of another format', async () => {
        await scene.command('HSET', keys.procedures, 'exact com.x', '2\nwho knows\n');
        expect(await claim(one, 1)).toEqual({ kind: 'unreadable' });
        expect(await release(one, { 'exact com.x': [1] })).toMatchObject({ kind: 'done', version: 2 });
        expect(await text(keys.procedures, 'exact com.x')).toBe('2\nwho knows\n');
      });
    });

    describe('releases', () => {
      beforeEach(async () => {
        await enter(one);
        await enter(two);
      });

      it('take callees off, many at once, and the procedure with the last one (SHR-4)', async () => {
        for (const session of [1, 2, 3]) await claim(one, session, { invoke: 'first' });
        await claim(two, 4, { invoke: 'first' });
        await claim(one, 1, { member: 'prefix com', id: 9 });
        expect(await release(one, { 'exact com.x': [3, 1], 'prefix com': [1] })).toMatchObject({ version: 8 });
        expect(await sessionsOf()).toEqual([2, 4]);
        expect(await sessionsOf('prefix com')).toBeNull();
        expect(await text(keys.ids, '9')).toBeNull();
        expect(await scene.command('SMEMBERS', keys.held(one))).toEqual(['2 exact com.x']);
        const body = (await bodies()).at(-1);
        if (typeof body !== 'object' || body.kind !== 'release') throw new Error('no release');
        expect(body.callees.map(([id, sessions]) => [id, [...sessions].sort()])).toEqual([
          [7, [1, 3]],
          [9, [1]],
        ]);
        expect(await claim(two, 2, { member: 'prefix com', id: 9, invoke: 'last' })).toMatchObject({ kind: 'granted' });
      });

      it('take many callees of one procedure off in one step', async () => {
        const sessions = Array.from({ length: 40 }, (_, index) => index + 1);
        for (const session of sessions) await claim(session % 2 === 0 ? one : two, session, { invoke: 'first' });
        const even = sessions.filter((session) => session % 2 === 0);
        await release(one, { 'exact com.x': sessions.slice(0, 38) });
        expect(await sessionsOf()).toEqual(
          [...sessions.filter((session) => session % 2 === 1), 40].sort((a, b) => a - b),
        );
        await release(one, { 'exact com.x': even });
        expect(await sessionsOf()).toEqual(sessions.filter((session) => session % 2 === 1));
        expect(await scene.command('SMEMBERS', keys.held(one))).toEqual([]);
        await release(two, { 'exact com.x': sessions });
        expect(await sessionsOf()).toBeNull();
      });

      it('change nothing when repeated, and nothing of other nodes', async () => {
        await claim(one, 1);
        await release(one, { 'exact com.x': [1] });
        const count = (await changes()).length;
        expect(await release(one, { 'exact com.x': [1] })).toMatchObject({ kind: 'done', version: 4 });
        await claim(two, 1);
        expect(await release(one, { 'exact com.x': [1] })).toMatchObject({ kind: 'done', version: 5 });
        expect(await sessionsOf()).toEqual([1]);
        expect(await changes()).toHaveLength(count + 1);
      });

      it('tidy what a claim by force left in the key of another node', async () => {
        await claim(one, 1);
        await claim(two, 2, { force: true });
        expect(await scene.command('SMEMBERS', keys.held(one))).toEqual(['1 exact com.x']);
        await release(one, { 'exact com.x': [1] });
        expect(await scene.command('SMEMBERS', keys.held(one))).toEqual([]);
        expect(await sessionsOf()).toEqual([2]);
      });
    });

    describe('withdrawals', () => {
      it('take everything of one node out and say it, and leave the rest', async () => {
        await enter(one);
        await enter(two);
        await interest(one, ['exact a']);
        await interest(two, ['exact a']);
        await claim(one, 1, { invoke: 'first' });
        await claim(two, 2, { invoke: 'first' });
        await claim(one, 1, { member: 'exact com.y', id: 8 });
        expect(await withdraw(one)).toEqual({ isDone: true, version: 8 });
        expect(await sessionsOf()).toEqual([2]);
        expect(await sessionsOf('exact com.y')).toBeNull();
        expect(await keysLeft()).toEqual(
          [
            keys.version,
            keys.nodes,
            keys.procedures,
            keys.ids,
            keys.callees('exact com.x'),
            keys.held(two),
            keys.interest(two),
          ].sort(),
        );
        const body = (await bodies()).at(-1);
        if (typeof body !== 'object' || body.kind !== 'withdrawn') throw new Error('no withdrawal');
        expect([...body.ids].sort()).toEqual([7, 8]);
        expect(body.node).toBe(one);
      });

      it('leave no key of a realm that nobody serves', async () => {
        await enter(one);
        await interest(one, ['exact a']);
        await claim(one, 1);
        expect(await withdraw(one)).toEqual({ isDone: true, version: 0 });
        expect(await keysLeft()).toEqual([]);
      });

      it('say nothing when there was nothing, and make no key', async () => {
        expect(await withdraw(three, 9)).toEqual({ isDone: true, version: 0 });
        expect(await keysLeft()).toEqual([]);
        await enter(one);
        expect(await withdraw(three, 9)).toEqual({ isDone: true, version: 1 });
        expect(await changes()).toHaveLength(1);
      });

      it('are done in parts, each said with what it did, the interest with the last', async () => {
        await enter(one);
        await enter(two);
        await interest(one, ['exact a']);
        for (let session = 1; session <= 501; session++)
          await claim(one, session, { member: `exact p.${session}`, id: session });
        expect(await withdraw(one)).toMatchObject({ isDone: false });
        const drop = (await bodies()).at(-1);
        expect(drop).toMatchObject({ kind: 'drop', node: one });
        expect(typeof drop === 'object' && drop.kind === 'drop' && drop.ids).toHaveLength(500);
        expect(await scene.command('SMEMBERS', keys.interest(one))).toEqual(['exact a']);
        expect(await withdraw(one)).toMatchObject({ isDone: true });
        expect((await bodies()).at(-1)).toMatchObject({ kind: 'withdrawn', node: one });
        expect(await keysLeft()).toEqual([keys.nodes, keys.version]);
      });

      it('remove a callee that the list names and the procedure does not have, and what names none', async () => {
        await enter(one);
        await enter(two);
        await claim(two, 2, { invoke: 'first' });
        for (const odd of ['2 exact com.x', '7 exact com.gone', 'nonsense', ''])
          await scene.command('SADD', keys.held(one), odd);
        expect(await withdraw(one)).toMatchObject({ isDone: true });
        expect(await sessionsOf()).toEqual([2]);
        expect((await bodies()).at(-1)).toEqual({ kind: 'withdrawn', node: one, ids: [] });
      });

      it('are repeated until they are through', async () => {
        await enter(one);
        for (let session = 1; session <= 501; session++)
          await claim(one, session, { member: `exact p.${session}`, id: session });
        await withdrawNode(scene.store, createKeys({ prefix: scene.prefix, database: 0 }), one, REALM);
        expect(await keysLeft()).toEqual([]);
      });
    });
  });
}
