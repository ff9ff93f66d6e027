import { beforeEach, describe, expect, it } from 'vitest';
import { TOMBSTONE_MS, type Absence } from '../../../../src/backplane/redis/membership/scripts.js';
import type { NodeId } from '../../../../src/wamp/ids.js';
import { AWAY_MS, LEASE_MS, NodesUnderTest, one, three, two, type ScriptScene } from './nodes-under-test.js';

export function describeListeners(makeScene: () => Promise<ScriptScene>): void {
  describe('count_listeners', () => {
    it('counts who listens to each inbox, in order', async () => {
      const nodes = new NodesUnderTest(await makeScene());
      expect(await nodes.listeners(one, two, three)).toEqual([0, 0, 0]);
      await nodes.scene.listen(nodes.channels.inbox(two), true);
      expect(await nodes.listeners(one, two, three)).toEqual([0, 1, 0]);
      await nodes.scene.listen(nodes.channels.inbox(two), false);
      expect(await nodes.listeners(two)).toEqual([0]);
    });
  });
}

export function describeReaping(makeScene: () => Promise<ScriptScene>): void {
  describe('begin_reap', () => {
    let nodes: NodesUnderTest;
    beforeEach(async () => {
      nodes = new NodesUnderTest(await makeScene());
      for (const node of [one, two, three]) await nodes.enter(node);
      await nodes.calm();
    });

    it('lets one survivor win, again when it asks again, and takes the lease away', async () => {
      await nodes.expire(three);
      expect(await nodes.begin(three, one)).toBe('won');
      expect(await nodes.begin(three, two)).toBe('claimed');
      expect(await nodes.begin(three, one)).toBe('won');
      expect(await nodes.scene.command('ZSCORE', nodes.keys.leases, three)).toBeNull();
      expect(await nodes.renew(three)).toEqual({ kind: 'gone' });
    });

    it('passes to another when the claim has run out or cannot be read', async () => {
      await nodes.expire(three);
      await nodes.begin(three, one);
      await nodes.scene.command('HSET', nodes.keys.dying, three, `${one} ${await nodes.storeNowMs()}`);
      expect(await nodes.begin(three, two)).toBe('won');
      expect(await nodes.begin(three, one)).toBe('claimed');
      await nodes.scene.command('HSET', nodes.keys.dying, three, 'nonsense');
      expect(await nodes.begin(three, one)).toBe('won');
    });

    it('leaves a node alone whose lease holds', async () => {
      expect(await nodes.begin(three, one)).toBe('alive');
      expect(await nodes.renew(three)).toMatchObject({ kind: 'renewed' });
    });

    it('takes a node that is known to have gone before, whatever its lease', async () => {
      expect(await nodes.begin(three, one, 'certain')).toBe('won');
      expect(await nodes.renew(three)).toEqual({ kind: 'gone' });
    });

    it('reaps nobody in the grace, nor when nobody has renewed for a while (G6)', async () => {
      await nodes.expire(three);
      await nodes.setMeta('graceUntilMs', (await nodes.storeNowMs()) + 60_000);
      expect(await nodes.begin(three, one)).toBe('grace');
      await nodes.setMeta('graceUntilMs', 0);
      await nodes.setMeta('renewedAtMs', (await nodes.storeNowMs()) - AWAY_MS - 1);
      expect(await nodes.begin(three, one)).toBe('grace');
      await nodes.scene.command('HDEL', nodes.keys.meta, 'renewedAtMs');
      expect(await nodes.begin(three, one)).toBe('grace');
    });

    it('takes a node that the store knows nothing of only after the grace', async () => {
      const lost = 'lost' as NodeId;
      await nodes.setMeta('graceUntilMs', (await nodes.storeNowMs()) + 60_000);
      expect(await nodes.begin(lost, one)).toBe('grace');
      await nodes.calm();
      expect(await nodes.begin(lost, one)).toBe('won-rowless');
      expect(await nodes.enter(lost)).toEqual({ kind: 'gone' });
    });

    describe('of a node that nobody listens for', () => {
      const [absentMs, silenceMs] = [1_500, 2_500];
      let absence: Absence;
      let field: string;
      beforeEach(async () => {
        const [inbox, ownInbox] = [nodes.channels.inbox(three), nodes.channels.inbox(one)];
        absence = { inbox, ownInbox, absentMs, silenceMs, leaseMs: LEASE_MS };
        field = `absent:${three}`;
        await nodes.scene.listen(absence.ownInbox, true);
      });
      const seen = async (): Promise<unknown> => nodes.scene.command('HGET', nodes.keys.meta, field);
      /** Writes an absence from `sinceMs` to `lastMs` ago, of a node that renewed its lease `renewedMs` ago. */
      async function wasAbsent(sinceMs: number, lastMs: number, renewedMs: number): Promise<void> {
        const nowMs = await nodes.storeNowMs();
        const lease = nowMs - renewedMs + LEASE_MS;
        await nodes.scene.command('ZADD', nodes.keys.leases, lease, three);
        await nodes.setMeta(field, `${nowMs - sinceMs} ${nowMs - lastMs} ${lease}`);
      }

      it('waits as long as a reconnection takes, and looks again and again', async () => {
        expect(await nodes.begin(three, one)).toBe('alive');
        expect(await seen()).toBeNull();
        expect(await nodes.begin(three, one, absence)).toBe('alive');
        const first = String(await seen()).split(' ')[0];
        expect(await nodes.begin(three, one, absence)).toBe('alive');
        expect(String(await seen()).split(' ')[0]).toBe(first);
        await wasAbsent(absentMs - 500, 100, silenceMs);
        expect(await nodes.begin(three, one, absence)).toBe('alive');
        await wasAbsent(absentMs, 100, silenceMs);
        expect(await nodes.begin(three, one, absence)).toBe('won');
        expect(await seen()).toBeNull();
        expect(await nodes.renew(three)).toEqual({ kind: 'gone' });
      });

      it('leaves alone who has renewed since, or not long ago', async () => {
        await wasAbsent(60_000, 100, silenceMs);
        await nodes.renew(three);
        expect(await nodes.begin(three, one, absence)).toBe('alive');
        await wasAbsent(60_000, 100, silenceMs - 500);
        expect(await nodes.begin(three, one, absence)).toBe('alive');
      });

      it('begins anew when nobody has looked for a while', async () => {
        await wasAbsent(60_000, absentMs / 2 + 1, 5_000);
        expect(await nodes.begin(three, one, absence)).toBe('alive');
        await nodes.setMeta(field, 'nonsense');
        expect(await nodes.begin(three, one, absence)).toBe('alive');
      });

      it('leaves alone whom somebody listens for, and everybody where nobody listens for the reaper', async () => {
        await wasAbsent(60_000, 100, 5_000);
        await nodes.scene.listen(absence.inbox, true);
        expect(await nodes.begin(three, one, absence)).toBe('alive');
        expect(await seen()).toBeNull();
        await nodes.scene.listen(absence.inbox, false);
        await wasAbsent(60_000, 100, 5_000);
        await nodes.scene.listen(absence.ownInbox, false);
        expect(await nodes.begin(three, one, absence)).toBe('alive');
        expect(await seen()).toBeNull();
      });

      it('spares everybody in the grace (G6)', async () => {
        await wasAbsent(60_000, 100, 5_000);
        await nodes.setMeta('graceUntilMs', (await nodes.storeNowMs()) + 60_000);
        expect(await nodes.begin(three, one, absence)).toBe('grace');
      });

      it('does not wait when the lease has run out', async () => {
        await nodes.expire(three);
        expect(await nodes.begin(three, one, absence)).toBe('won');
      });
    });

    it('reports that it is over', async () => {
      await nodes.expire(three);
      await nodes.begin(three, one);
      await nodes.end(three);
      expect(await nodes.begin(three, two)).toBe('ended');
      expect(await nodes.begin(three, three)).toBe('ended');
    });

    it('does not listen to a reaper that is not alive itself', async () => {
      await nodes.expire(three);
      expect(await nodes.begin(three, 'nobody' as NodeId)).toBe('reaper-gone');
      await nodes.begin(two, two);
      expect(await nodes.begin(three, two)).toBe('reaper-gone');
      expect(await nodes.begin(three, one)).toBe('won');
    });

    it('begins the leave of a node by itself at any time, but not beside a reaper', async () => {
      await nodes.scene.command('HDEL', nodes.keys.meta, 'renewedAtMs');
      expect(await nodes.begin(one, one)).toBe('won');
      expect(await nodes.begin('unknown' as NodeId, 'unknown' as NodeId)).toBe('won-rowless');
      await nodes.calm();
      await nodes.expire(three);
      await nodes.begin(three, two);
      expect(await nodes.begin(three, three)).toBe('claimed');
    });

    it('keeps tombstones for their time and drops older ones', async () => {
      await nodes.scene.command('ZADD', nodes.keys.gone, (await nodes.storeNowMs()) - TOMBSTONE_MS - 10_000, 'ancient');
      await nodes.scene.command('ZADD', nodes.keys.gone, (await nodes.storeNowMs()) - TOMBSTONE_MS + 60_000, 'old');
      await nodes.begin(one, one);
      expect(await nodes.scene.command('ZSCORE', nodes.keys.gone, 'ancient')).toBeNull();
      expect(await nodes.scene.command('ZSCORE', nodes.keys.gone, 'old')).not.toBeNull();
      expect(await nodes.scene.command('PTTL', nodes.keys.gone)).toBeGreaterThan(TOMBSTONE_MS - 10_000);
    });
  });
}
