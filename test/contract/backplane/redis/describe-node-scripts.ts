import { beforeEach, describe, expect, it } from 'vitest';
import { unpack } from '../../../../src/backplane/packr.js';
import { dropRealm, REAP_BATCH_COUNT } from '../../../../src/backplane/redis/membership/scripts.js';
import type { NodeId } from '../../../../src/wamp/ids.js';
import { describeListeners, describeReaping } from './describe-reap-scripts.js';
import { AWAY_MS, LEASE_MS, NODE_ROW, NodesUnderTest, one, three, two, type ScriptScene } from './nodes-under-test.js';

const ROW = [1, 'n', 0, [1]];

/** The promises of the membership's steps. `makeScene` returns an empty store that listens to the prefix' channel of nodes. */
export function describeNodeScripts(name: string, makeScene: () => Promise<ScriptScene>): void {
  describe(`scripts of the membership: ${name}`, () => {
    describeEntering(makeScene);
    describeRenewal(makeScene);
    describeLoading(makeScene);
    describeReaping(makeScene);
    describeListeners(makeScene);
    describeEnd(makeScene);
    describeRealmNotes(makeScene);
  });
}

function describeEntering(makeScene: () => Promise<ScriptScene>): void {
  describe('enter_node', () => {
    let nodes: NodesUnderTest;
    beforeEach(async () => {
      nodes = new NodesUnderTest(await makeScene());
    });

    it('enters each node once, reports it to all, and gives everybody the epoch of the first', async () => {
      expect(await nodes.enter(one)).toEqual({ kind: 'entered', version: 1, epoch: 'e' });
      await nodes.setMeta('epoch', 'first');
      expect(await nodes.enter(two)).toEqual({ kind: 'entered', version: 2, epoch: 'first' });
      expect(await nodes.enter(one)).toEqual({ kind: 'entered', version: 2, epoch: 'first' });
      expect((await nodes.scene.messages()).map(unpack)).toEqual([
        [1, 1, 'entered', one, ROW],
        [1, 2, 'entered', two, ROW],
      ]);
      await nodes.expectFullLease(one);
    });

    it('goes on above the version that the node knows, exactly', async () => {
      expect(await nodes.enter(one, 9_007_199_254_740_001)).toMatchObject({ version: 9_007_199_254_740_002 });
      expect(await nodes.load()).toMatchObject({ version: 9_007_199_254_740_002 });
      expect((await nodes.scene.messages()).map(unpack)).toEqual([[1, 9_007_199_254_740_002, 'entered', one, ROW]]);
      expect(await nodes.enter(two, 3)).toMatchObject({ version: 9_007_199_254_740_003 });
    });

    it('refuses a node that was declared dead, for good', async () => {
      await nodes.enter(one);
      await nodes.begin(one, one);
      expect(await nodes.enter(one)).toEqual({ kind: 'gone' });
      await nodes.end(one);
      expect(await nodes.enter(one)).toEqual({ kind: 'gone' });
      expect(await nodes.scene.command('HGET', nodes.keys.alive, one)).toBeNull();
    });
  });
}

function describeRenewal(makeScene: () => Promise<ScriptScene>): void {
  describe('renew_lease', () => {
    let nodes: NodesUnderTest;
    beforeEach(async () => {
      nodes = new NodesUnderTest(await makeScene());
    });

    it('prolongs the lease and gives the version', async () => {
      await nodes.enter(one);
      await nodes.expire(one);
      expect(await nodes.renew(one)).toEqual({ kind: 'renewed', version: 1, isGrace: true, dead: [] });
      await nodes.expectFullLease(one);
      await nodes.enter(two);
      expect(await nodes.renew(one)).toMatchObject({ version: 2 });
    });

    it('renews a lease that ran out as long as nobody has declared the node dead', async () => {
      await nodes.enter(one);
      await nodes.enter(two);
      await nodes.calm();
      await nodes.expire(one, two);
      expect(await nodes.renew(one)).toMatchObject({ kind: 'renewed', isGrace: false, dead: [two] });
      expect(await nodes.renew(two)).toMatchObject({ kind: 'renewed', dead: [] });
    });

    it('notifies a node that it was declared dead, while it is being reaped and after', async () => {
      await nodes.enter(one);
      await nodes.begin(one, one);
      expect(await nodes.renew(one)).toEqual({ kind: 'gone' });
      await nodes.end(one);
      expect(await nodes.renew(one)).toEqual({ kind: 'gone' });
    });

    it('notices that the store lost its data: all of it, the epoch, or the row of the node', async () => {
      expect(await nodes.renew(one)).toEqual({ kind: 'emptied' });
      await nodes.enter(one);
      expect(await nodes.renew(one, 'another')).toEqual({ kind: 'emptied' });
      expect(await nodes.renew(two)).toEqual({ kind: 'emptied' });
      expect(await nodes.leaseLeftMs(two)).toBeLessThan(0);
    });

    it('names nobody for a whole lease after nobody has renewed for half a lease (G6)', async () => {
      await nodes.enter(one);
      await nodes.enter(two);
      await nodes.calm();
      await nodes.expire(two);
      await nodes.setMeta('renewedAtMs', (await nodes.storeNowMs()) - AWAY_MS - 1);
      expect(await nodes.renew(one)).toMatchObject({ isGrace: true, dead: [] });
      const graceMs = await nodes.graceLeftMs();
      expect(graceMs).toBeGreaterThan(LEASE_MS - 1_000);
      expect(await nodes.renew(one)).toMatchObject({ isGrace: true, dead: [] });
      await nodes.setMeta('graceUntilMs', await nodes.storeNowMs());
      expect(await nodes.renew(one)).toMatchObject({ isGrace: false, dead: [two] });
    });

    it('gives nobody more than a lease, and drops claims, when the clock of the store went back', async () => {
      for (const node of [one, two, three]) await nodes.enter(node);
      await nodes.calm();
      await nodes.begin(three, one, 'certain');
      const futureMs = (await nodes.storeNowMs()) + 3_600_000;
      await nodes.scene.command('ZADD', nodes.keys.leases, futureMs, two);
      await nodes.scene.command('HSET', nodes.keys.dying, three, `${one} ${futureMs}`);
      await nodes.setMeta('renewedAtMs', futureMs);
      await nodes.setMeta('graceUntilMs', futureMs);
      expect(await nodes.renew(one)).toMatchObject({ isGrace: true });
      await nodes.expectFullLease(two);
      expect(await nodes.scene.command('HGET', nodes.keys.dying, three)).toBe(`${one} 0`);
      const graceMs = await nodes.graceLeftMs();
      expect(graceMs).toBeLessThanOrEqual(LEASE_MS);
    });

    it('names nodes that nobody reaps: expired, left by their reaper, or begun by the asker', async () => {
      const dying = ['d-own', 'd-left', 'd-held', 'd-garbled'] as NodeId[];
      for (const node of [one, two, three, ...dying]) await nodes.enter(node);
      await nodes.calm();
      await nodes.expire(three, ...dying);
      for (const node of dying) await nodes.begin(node, one);
      const nowMs = await nodes.storeNowMs();
      await nodes.scene.command('HSET', nodes.keys.dying, 'd-left', `${two} ${nowMs}`);
      await nodes.scene.command('HSET', nodes.keys.dying, 'd-held', `${two} ${nowMs + 60_000}`);
      await nodes.scene.command('HSET', nodes.keys.dying, 'd-garbled', 'who knows');
      const reply = await nodes.renew(one);
      expect(reply.kind === 'renewed' && [...reply.dead].sort()).toEqual(['d-garbled', 'd-left', 'd-own', three]);
    });

    it('names a bounded number of expired nodes, the oldest first', async () => {
      await nodes.enter(one);
      const crowd = Array.from({ length: REAP_BATCH_COUNT + 5 }, (_, at) => `c-${at + 100}` as NodeId);
      for (const [at, node] of crowd.entries()) {
        await nodes.enter(node);
        await nodes.scene.command('ZADD', nodes.keys.leases, at + 1, node);
      }
      await nodes.calm();
      expect(await nodes.renew(one)).toMatchObject({ dead: crowd.slice(0, REAP_BATCH_COUNT) });
    });
  });
}

function describeLoading(makeScene: () => Promise<ScriptScene>): void {
  describe('load_nodes', () => {
    let nodes: NodesUnderTest;
    beforeEach(async () => {
      nodes = new NodesUnderTest(await makeScene());
    });

    it('reports who is there, and which of the known are gone for good', async () => {
      expect(await nodes.load(one)).toEqual({ version: 0, epoch: '', alive: new Map(), ended: [] });
      for (const node of [one, two, three]) await nodes.enter(node);
      await nodes.begin(two, two);
      await nodes.begin(three, three);
      await nodes.end(three);
      const loaded = await nodes.load(two, three, 'lost' as NodeId);
      const alive = new Map([
        [one, NODE_ROW],
        [two, NODE_ROW],
      ]);
      expect(loaded).toEqual({ version: 4, epoch: 'e', alive, ended: [three] });
    });

    it('does not take a node for gone whose reaping has only begun', async () => {
      await nodes.enter(one);
      await nodes.calm();
      expect(await nodes.begin(two, one)).toBe('won-rowless');
      expect((await nodes.load(two)).ended).toEqual([]);
      await nodes.end(two);
      expect((await nodes.load(two)).ended).toEqual([two]);
    });
  });
}

function describeEnd(makeScene: () => Promise<ScriptScene>): void {
  describe('end_node', () => {
    let nodes: NodesUnderTest;
    beforeEach(async () => {
      nodes = new NodesUnderTest(await makeScene());
    });

    it('removes what is left and publishes gone, once', async () => {
      await nodes.enter(one);
      await nodes.enter(two);
      await nodes.note(two, 'realm');
      expect(await nodes.end(two)).toBe(0);
      await nodes.begin(two, two);
      expect(await nodes.end(two)).toBe(3);
      expect(await nodes.end(two)).toBe(0);
      const sent = (await nodes.scene.messages()).slice(2).map(unpack);
      expect(sent).toEqual([[1, 3, 'gone', two]]);
      expect(await nodes.load()).toEqual({ version: 3, epoch: 'e', alive: new Map([[one, NODE_ROW]]), ended: [] });
      expect(await nodes.scene.command('SMEMBERS', nodes.keys.realmsOf(two))).toEqual([]);
      expect(await nodes.scene.command('ZSCORE', nodes.keys.leases, two)).toBeNull();
    });

    it('goes on above the version that the caller knows', async () => {
      await nodes.enter(one);
      await nodes.begin(two, two);
      expect(await nodes.end(two, 41)).toBe(42);
      expect(await nodes.renew(one)).toMatchObject({ version: 42 });
    });

    it('leaves nothing but tombstones with a time to live behind the last node (G5)', async () => {
      await nodes.enter(one);
      await nodes.enter(two);
      await nodes.renew(one);
      await nodes.note(one, 'realm');
      await nodes.begin(one, one);
      await nodes.begin(two, two);
      await nodes.end(one);
      expect(await nodes.renew(three)).toEqual({ kind: 'emptied' });
      await nodes.end(two);
      expect(await nodes.scene.command('KEYS', '*')).toEqual([nodes.keys.gone]);
      expect(await nodes.scene.command('PTTL', nodes.keys.gone)).toBeGreaterThan(0);
    });
  });
}

function describeRealmNotes(makeScene: () => Promise<ScriptScene>): void {
  describe('note_realms and drop_realm', () => {
    let nodes: NodesUnderTest;
    beforeEach(async () => {
      nodes = new NodesUnderTest(await makeScene());
    });

    it('keep the realms that a node may have rows in', async () => {
      await nodes.enter(one);
      expect(await nodes.note(one, 'a', 'b', 'a')).toBe('noted');
      expect(await nodes.note(one, 'b')).toBe('noted');
      expect(await nodes.scene.store.run(dropRealm, { keys: nodes.keys, node: one, realm: 'a' })).toBe(true);
      expect(await nodes.scene.store.run(dropRealm, { keys: nodes.keys, node: one, realm: 'a' })).toBe(false);
      expect(await nodes.scene.command('SMEMBERS', nodes.keys.realmsOf(one))).toEqual(['b']);
    });

    it('note nothing for a node that is not there: a reaper would not find it', async () => {
      expect(await nodes.note(one, 'a')).toBe('absent');
      await nodes.enter(one);
      await nodes.begin(one, one);
      expect(await nodes.note(one, 'a')).toBe('gone');
      expect(await nodes.scene.command('SMEMBERS', nodes.keys.realmsOf(one))).toEqual([]);
    });
  });
}
