import { beforeEach, describe, expect, it } from 'vitest';
import { unpack } from '../../../../src/backplane/packr.js';
import { writeNodeRow } from '../../../../src/backplane/redis/membership/changes.js';
import { createKeys, type Keys } from '../../../../src/backplane/redis/keys.js';
import {
  beginReap,
  dropRealm,
  endNode,
  enterNode,
  loadNodes,
  noteRealms,
  REAP_BATCH_COUNT,
  renewLease,
  TOMBSTONE_MS,
  type EnterReply,
  type Absence,
  type BeginReap,
  type ReapReply,
  type RenewReply,
} from '../../../../src/backplane/redis/membership/scripts.js';
import type { Store } from '../../../../src/backplane/redis/ports.js';
import type { NodeId } from '../../../../src/wamp/ids.js';

export interface ScriptScene {
  readonly store: Pick<Store, 'run'>;
  readonly prefix: string;
  command(name: string, key: string, ...words: readonly (string | number)[]): Promise<unknown>;
  /** Somebody listens to the channel, or nobody any more. */
  listen(channel: string, isListening: boolean): Promise<void>;
  /** All said on the channel so far. */
  messages(): Promise<readonly Uint8Array[]>;
}

const LEASE_MS = 7_000;
const AWAY_MS = 3_500;
const [one, two, three] = ['n-1', 'n-2', 'n-3'] as NodeId[] as [NodeId, NodeId, NodeId];
const row = Buffer.from(writeNodeRow({ name: 'n', reads: [1], startedAtMs: 0 }));
const ROW = [1, 'n', 0, [1]];

/** What the steps of the membership promise. `makeScene` gives an empty store that listens to the prefix' channel of nodes. */
export function describeNodeScripts(name: string, makeScene: () => Promise<ScriptScene>): void {
  describe(`scripts of the membership: ${name}`, () => {
    let scene: ScriptScene;
    let keys: Keys;
    let channel: string;
    beforeEach(async () => {
      scene = await makeScene();
      keys = createKeys({ prefix: scene.prefix, database: 0 });
      channel = keys.channels.nodes;
    });

    const enter = (node: NodeId, floor = 0): Promise<EnterReply> =>
      scene.store.run(enterNode, { keys: keys.nodes, channel, node, row, leaseMs: LEASE_MS, epoch: 'e', floor });
    const renew = (node: NodeId, epoch = 'e'): Promise<RenewReply> =>
      scene.store.run(renewLease, { keys: keys.nodes, node, leaseMs: LEASE_MS, awayMs: AWAY_MS, epoch });
    const beginOn = (grounds: BeginReap['grounds'], node: NodeId, reaper: NodeId): Promise<ReapReply> =>
      scene.store.run(beginReap, { keys: keys.nodes, node, reaper, claimMs: LEASE_MS, awayMs: AWAY_MS, grounds });
    const begin = (node: NodeId, reaper: NodeId, isCertain = false): Promise<ReapReply> =>
      beginOn(isCertain ? 'certain' : 'expired', node, reaper);
    const end = (node: NodeId, floor = 0): Promise<number> =>
      scene.store.run(endNode, { keys: keys.nodes, channel, node, floor });
    const load = (...known: NodeId[]) => scene.store.run(loadNodes, { keys: keys.nodes, known });
    const note = (node: NodeId, ...realms: string[]) => scene.store.run(noteRealms, { keys: keys.nodes, node, realms });

    async function storeNowMs(): Promise<number> {
      const [seconds, micros] = (await scene.command('TIME', '')) as [string, string];
      return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
    }
    async function expire(...nodes: NodeId[]): Promise<void> {
      for (const node of nodes) await scene.command('ZADD', keys.nodes.leases, 1, node);
    }
    /** Somebody renewed just now, and no grace is left. */
    async function calm(): Promise<void> {
      await scene.command('HSET', keys.nodes.meta, 'renewedAtMs', await storeNowMs());
      await scene.command('HSET', keys.nodes.meta, 'graceUntilMs', 0);
    }
    async function leaseLeftMs(node: NodeId): Promise<number> {
      return Number(await scene.command('ZSCORE', keys.nodes.leases, node)) - (await storeNowMs());
    }
    async function expectFullLease(node: NodeId): Promise<void> {
      const leftMs = await leaseLeftMs(node);
      expect(leftMs).toBeLessThanOrEqual(LEASE_MS);
      expect(leftMs).toBeGreaterThan(LEASE_MS - 1_000);
    }

    describe('enter_node', () => {
      it('enters each node once, says so to all, and gives everybody the epoch of the first', async () => {
        expect(await enter(one)).toEqual({ kind: 'entered', version: 1, epoch: 'e' });
        await scene.command('HSET', keys.nodes.meta, 'epoch', 'first');
        expect(await enter(two)).toEqual({ kind: 'entered', version: 2, epoch: 'first' });
        expect(await enter(one)).toEqual({ kind: 'entered', version: 2, epoch: 'first' });
        expect((await scene.messages()).map(unpack)).toEqual([
          [1, 1, 'entered', one, ROW],
          [1, 2, 'entered', two, ROW],
        ]);
        await expectFullLease(one);
      });

      it('goes on above the version that the node knows, exactly', async () => {
        expect(await enter(one, 9_007_199_254_740_001)).toMatchObject({ version: 9_007_199_254_740_002 });
        expect(await load()).toMatchObject({ version: 9_007_199_254_740_002 });
        expect((await scene.messages()).map(unpack)).toEqual([[1, 9_007_199_254_740_002, 'entered', one, ROW]]);
        expect(await enter(two, 3)).toMatchObject({ version: 9_007_199_254_740_003 });
      });

      it('refuses a node that was declared dead, for good', async () => {
        await enter(one);
        await begin(one, one);
        expect(await enter(one)).toEqual({ kind: 'gone' });
        await end(one);
        expect(await enter(one)).toEqual({ kind: 'gone' });
        expect(await scene.command('HGET', keys.nodes.alive, one)).toBeNull();
      });
    });

    describe('renew_lease', () => {
      it('prolongs the lease and tells the version', async () => {
        await enter(one);
        await expire(one);
        expect(await renew(one)).toEqual({ kind: 'renewed', version: 1, isGrace: true, dead: [] });
        await expectFullLease(one);
        await enter(two);
        expect(await renew(one)).toMatchObject({ version: 2 });
      });

      it('renews a lease that ran out as long as nobody has declared the node dead', async () => {
        await enter(one);
        await enter(two);
        await calm();
        await expire(one, two);
        expect(await renew(one)).toMatchObject({ kind: 'renewed', isGrace: false, dead: [two] });
        expect(await renew(two)).toMatchObject({ kind: 'renewed', dead: [] });
      });

      it('tells a node that it was declared dead, while it is being reaped and after', async () => {
        await enter(one);
        await begin(one, one);
        expect(await renew(one)).toEqual({ kind: 'gone' });
        await end(one);
        expect(await renew(one)).toEqual({ kind: 'gone' });
      });

      it('notices that the store lost its data: all of it, the epoch, or the row of the node', async () => {
        expect(await renew(one)).toEqual({ kind: 'emptied' });
        await enter(one);
        expect(await renew(one, 'another')).toEqual({ kind: 'emptied' });
        expect(await renew(two)).toEqual({ kind: 'emptied' });
        expect(await leaseLeftMs(two)).toBeLessThan(0);
      });

      it('names nobody for a whole lease after nobody has renewed for half a lease (G6)', async () => {
        await enter(one);
        await enter(two);
        await calm();
        await expire(two);
        await scene.command('HSET', keys.nodes.meta, 'renewedAtMs', (await storeNowMs()) - AWAY_MS - 1);
        expect(await renew(one)).toMatchObject({ isGrace: true, dead: [] });
        const graceMs = Number(await scene.command('HGET', keys.nodes.meta, 'graceUntilMs')) - (await storeNowMs());
        expect(graceMs).toBeGreaterThan(LEASE_MS - 1_000);
        expect(await renew(one)).toMatchObject({ isGrace: true, dead: [] });
        await scene.command('HSET', keys.nodes.meta, 'graceUntilMs', await storeNowMs());
        expect(await renew(one)).toMatchObject({ isGrace: false, dead: [two] });
      });

      it('gives nobody more than a lease, and drops claims, when the clock of the store went back', async () => {
        for (const node of [one, two, three]) await enter(node);
        await calm();
        await begin(three, one, true);
        const futureMs = (await storeNowMs()) + 3_600_000;
        await scene.command('ZADD', keys.nodes.leases, futureMs, two);
        await scene.command('HSET', keys.nodes.dying, three, `${one} ${futureMs}`);
        await scene.command('HSET', keys.nodes.meta, 'renewedAtMs', futureMs);
        await scene.command('HSET', keys.nodes.meta, 'graceUntilMs', futureMs);
        expect(await renew(one)).toMatchObject({ isGrace: true });
        await expectFullLease(two);
        expect(await scene.command('HGET', keys.nodes.dying, three)).toBe(`${one} 0`);
        const graceMs = Number(await scene.command('HGET', keys.nodes.meta, 'graceUntilMs')) - (await storeNowMs());
        expect(graceMs).toBeLessThanOrEqual(LEASE_MS);
      });

      it('names nodes that nobody reaps: expired, left by their reaper, or begun by the asker', async () => {
        const dying = ['d-own', 'd-left', 'd-held', 'd-garbled'] as NodeId[];
        for (const node of [one, two, three, ...dying]) await enter(node);
        await calm();
        await expire(three, ...dying);
        for (const node of dying) await begin(node, one);
        const nowMs = await storeNowMs();
        await scene.command('HSET', keys.nodes.dying, 'd-left', `${two} ${nowMs}`);
        await scene.command('HSET', keys.nodes.dying, 'd-held', `${two} ${nowMs + 60_000}`);
        await scene.command('HSET', keys.nodes.dying, 'd-garbled', 'who knows');
        const reply = await renew(one);
        expect(reply.kind === 'renewed' && [...reply.dead].sort()).toEqual(['d-garbled', 'd-left', 'd-own', three]);
      });

      it('names a bounded number of expired nodes, the oldest first', async () => {
        await enter(one);
        const crowd = Array.from({ length: REAP_BATCH_COUNT + 5 }, (_, at) => `c-${at + 100}` as NodeId);
        for (const [at, node] of crowd.entries()) {
          await enter(node);
          await scene.command('ZADD', keys.nodes.leases, at + 1, node);
        }
        await calm();
        expect(await renew(one)).toMatchObject({ dead: crowd.slice(0, REAP_BATCH_COUNT) });
      });
    });

    describe('load_nodes', () => {
      it('tells who is there, and which of the known are gone for good', async () => {
        expect(await load(one)).toEqual({ version: 0, epoch: '', alive: new Map(), ended: [] });
        for (const node of [one, two, three]) await enter(node);
        await begin(two, two);
        await begin(three, three);
        await end(three);
        const loaded = await load(two, three, 'lost' as NodeId);
        const alive = new Map([
          [one, row],
          [two, row],
        ]);
        expect(loaded).toEqual({ version: 4, epoch: 'e', alive, ended: [three] });
      });

      it('does not take a node for gone whose reaping has only begun', async () => {
        await enter(one);
        await calm();
        expect(await begin(two, one)).toBe('won-rowless');
        expect((await load(two)).ended).toEqual([]);
        await end(two);
        expect((await load(two)).ended).toEqual([two]);
      });
    });

    describe('begin_reap', () => {
      beforeEach(async () => {
        for (const node of [one, two, three]) await enter(node);
        await calm();
      });

      it('lets one survivor win, again when it asks again, and takes the lease away', async () => {
        await expire(three);
        expect(await begin(three, one)).toBe('won');
        expect(await begin(three, two)).toBe('claimed');
        expect(await begin(three, one)).toBe('won');
        expect(await scene.command('ZSCORE', keys.nodes.leases, three)).toBeNull();
        expect(await renew(three)).toEqual({ kind: 'gone' });
      });

      it('passes to another when the claim has run out or cannot be read', async () => {
        await expire(three);
        await begin(three, one);
        await scene.command('HSET', keys.nodes.dying, three, `${one} ${await storeNowMs()}`);
        expect(await begin(three, two)).toBe('won');
        expect(await begin(three, one)).toBe('claimed');
        await scene.command('HSET', keys.nodes.dying, three, 'nonsense');
        expect(await begin(three, one)).toBe('won');
      });

      it('leaves a node alone whose lease holds', async () => {
        expect(await begin(three, one)).toBe('alive');
        expect(await renew(three)).toMatchObject({ kind: 'renewed' });
      });

      it('takes a node that is known to have gone before, whatever its lease says', async () => {
        expect(await begin(three, one, true)).toBe('won');
        expect(await renew(three)).toEqual({ kind: 'gone' });
      });

      it('reaps nobody in the grace, nor when nobody has renewed for a while (G6)', async () => {
        await expire(three);
        await scene.command('HSET', keys.nodes.meta, 'graceUntilMs', (await storeNowMs()) + 60_000);
        expect(await begin(three, one)).toBe('grace');
        await scene.command('HSET', keys.nodes.meta, 'graceUntilMs', 0);
        await scene.command('HSET', keys.nodes.meta, 'renewedAtMs', (await storeNowMs()) - AWAY_MS - 1);
        expect(await begin(three, one)).toBe('grace');
        await scene.command('HDEL', keys.nodes.meta, 'renewedAtMs');
        expect(await begin(three, one)).toBe('grace');
      });

      it('takes a node that the store knows nothing of only after the grace', async () => {
        const lost = 'lost' as NodeId;
        await scene.command('HSET', keys.nodes.meta, 'graceUntilMs', (await storeNowMs()) + 60_000);
        expect(await begin(lost, one)).toBe('grace');
        await calm();
        expect(await begin(lost, one)).toBe('won-rowless');
        expect(await enter(lost)).toEqual({ kind: 'gone' });
      });

      describe('of a node that nobody listens for', () => {
        const [absentMs, silenceMs] = [1_500, 2_500];
        let absence: Absence;
        let field: string;
        beforeEach(async () => {
          const [inbox, ownInbox] = [keys.channels.inbox(three), keys.channels.inbox(one)];
          absence = { inbox, ownInbox, absentMs, silenceMs, leaseMs: LEASE_MS };
          field = `absent:${three}`;
          await scene.listen(absence.ownInbox, true);
        });
        const seen = async (): Promise<unknown> => scene.command('HGET', keys.nodes.meta, field);
        /** Nobody was seen to listen since then, last so long ago; it has renewed so long ago. */
        async function wasAbsent(sinceMs: number, lastMs: number, renewedMs: number): Promise<void> {
          const nowMs = await storeNowMs();
          const lease = nowMs - renewedMs + LEASE_MS;
          await scene.command('ZADD', keys.nodes.leases, lease, three);
          await scene.command('HSET', keys.nodes.meta, field, `${nowMs - sinceMs} ${nowMs - lastMs} ${lease}`);
        }

        it('waits as long as a reconnection takes, and looks again and again', async () => {
          expect(await begin(three, one)).toBe('alive');
          expect(await seen()).toBeNull();
          expect(await beginOn(absence, three, one)).toBe('alive');
          const first = String(await seen()).split(' ')[0];
          expect(await beginOn(absence, three, one)).toBe('alive');
          expect(String(await seen()).split(' ')[0]).toBe(first);
          await wasAbsent(absentMs - 500, 100, silenceMs);
          expect(await beginOn(absence, three, one)).toBe('alive');
          await wasAbsent(absentMs, 100, silenceMs);
          expect(await beginOn(absence, three, one)).toBe('won');
          expect(await seen()).toBeNull();
          expect(await renew(three)).toEqual({ kind: 'gone' });
        });

        it('leaves alone who has renewed since, or not long ago', async () => {
          await wasAbsent(60_000, 100, silenceMs);
          await renew(three);
          expect(await beginOn(absence, three, one)).toBe('alive');
          await wasAbsent(60_000, 100, silenceMs - 500);
          expect(await beginOn(absence, three, one)).toBe('alive');
        });

        it('begins anew when nobody has looked for a while', async () => {
          await wasAbsent(60_000, absentMs / 2 + 1, 5_000);
          expect(await beginOn(absence, three, one)).toBe('alive');
          await scene.command('HSET', keys.nodes.meta, field, 'nonsense');
          expect(await beginOn(absence, three, one)).toBe('alive');
        });

        it('leaves alone whom somebody listens for, and everybody where nobody listens for the reaper', async () => {
          await wasAbsent(60_000, 100, 5_000);
          await scene.listen(absence.inbox, true);
          expect(await beginOn(absence, three, one)).toBe('alive');
          expect(await seen()).toBeNull();
          await scene.listen(absence.inbox, false);
          await wasAbsent(60_000, 100, 5_000);
          await scene.listen(absence.ownInbox, false);
          expect(await beginOn(absence, three, one)).toBe('alive');
          expect(await seen()).toBeNull();
        });

        it('spares everybody in the grace (G6)', async () => {
          await wasAbsent(60_000, 100, 5_000);
          await scene.command('HSET', keys.nodes.meta, 'graceUntilMs', (await storeNowMs()) + 60_000);
          expect(await beginOn(absence, three, one)).toBe('grace');
        });

        it('does not wait when the lease has run out', async () => {
          await expire(three);
          expect(await beginOn(absence, three, one)).toBe('won');
        });
      });

      it('tells that it is over', async () => {
        await expire(three);
        await begin(three, one);
        await end(three);
        expect(await begin(three, two)).toBe('ended');
        expect(await begin(three, three)).toBe('ended');
      });

      it('does not listen to a reaper that is not alive itself', async () => {
        await expire(three);
        expect(await begin(three, 'nobody' as NodeId)).toBe('reaper-gone');
        await begin(two, two);
        expect(await begin(three, two)).toBe('reaper-gone');
        expect(await begin(three, one)).toBe('won');
      });

      it('begins the leave of a node by itself at any time, but not beside a reaper', async () => {
        await scene.command('HDEL', keys.nodes.meta, 'renewedAtMs');
        expect(await begin(one, one)).toBe('won');
        expect(await begin('unheard-of' as NodeId, 'unheard-of' as NodeId)).toBe('won-rowless');
        await calm();
        await expire(three);
        await begin(three, two);
        expect(await begin(three, three)).toBe('claimed');
      });

      it('keeps tombstones for their time and drops older ones', async () => {
        await scene.command('ZADD', keys.nodes.gone, (await storeNowMs()) - TOMBSTONE_MS - 10_000, 'ancient');
        await scene.command('ZADD', keys.nodes.gone, (await storeNowMs()) - TOMBSTONE_MS + 60_000, 'old');
        await begin(one, one);
        expect(await scene.command('ZSCORE', keys.nodes.gone, 'ancient')).toBeNull();
        expect(await scene.command('ZSCORE', keys.nodes.gone, 'old')).not.toBeNull();
        expect(await scene.command('PTTL', keys.nodes.gone)).toBeGreaterThan(TOMBSTONE_MS - 10_000);
      });
    });

    describe('end_node', () => {
      it('removes what is left and says gone, once', async () => {
        await enter(one);
        await enter(two);
        await note(two, 'realm');
        expect(await end(two)).toBe(0);
        await begin(two, two);
        expect(await end(two)).toBe(3);
        expect(await end(two)).toBe(0);
        const said = (await scene.messages()).slice(2).map(unpack);
        expect(said).toEqual([[1, 3, 'gone', two]]);
        expect(await load()).toEqual({ version: 3, epoch: 'e', alive: new Map([[one, row]]), ended: [] });
        expect(await scene.command('SMEMBERS', keys.nodes.realmsOf(two))).toEqual([]);
        expect(await scene.command('ZSCORE', keys.nodes.leases, two)).toBeNull();
      });

      it('goes on above the version that the caller knows', async () => {
        await enter(one);
        await begin(two, two);
        expect(await end(two, 41)).toBe(42);
        expect(await renew(one)).toMatchObject({ version: 42 });
      });

      it('leaves nothing but tombstones with a time to live behind the last node (G5)', async () => {
        await enter(one);
        await enter(two);
        await renew(one);
        await note(one, 'realm');
        await begin(one, one);
        await begin(two, two);
        await end(one);
        expect(await renew(three)).toEqual({ kind: 'emptied' });
        await end(two);
        expect(await scene.command('KEYS', '*')).toEqual([keys.nodes.gone]);
        expect(await scene.command('PTTL', keys.nodes.gone)).toBeGreaterThan(0);
      });
    });

    describe('note_realms and drop_realm', () => {
      it('keep the realms that a node may have rows in', async () => {
        await enter(one);
        expect(await note(one, 'a', 'b', 'a')).toBe('noted');
        expect(await note(one, 'b')).toBe('noted');
        expect(await scene.store.run(dropRealm, { keys: keys.nodes, node: one, realm: 'a' })).toBe(true);
        expect(await scene.store.run(dropRealm, { keys: keys.nodes, node: one, realm: 'a' })).toBe(false);
        expect(await scene.command('SMEMBERS', keys.nodes.realmsOf(one))).toEqual(['b']);
      });

      it('note nothing for a node that is not there: a reaper would not find it', async () => {
        expect(await note(one, 'a')).toBe('absent');
        await enter(one);
        await begin(one, one);
        expect(await note(one, 'a')).toBe('gone');
        expect(await scene.command('SMEMBERS', keys.nodes.realmsOf(one))).toEqual([]);
      });
    });
  });
}
