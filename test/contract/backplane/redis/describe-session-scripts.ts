import { beforeEach, describe, expect, it } from 'vitest';
import { createKeys, type SessionsKeys } from '../../../../src/backplane/redis/keys.js';
import type { Store } from '../../../../src/backplane/redis/ports.js';
import { forgetSessions, joinSessions, leaveSessions } from '../../../../src/backplane/redis/sessions/scripts.js';
import { forgetSessionsOf } from '../../../../src/backplane/redis/sessions/session-directory.js';
import type { NodeId } from '../../../../src/wamp/ids.js';

export interface SessionScriptScene {
  readonly store: Pick<Store, 'run'>;
  readonly prefix: string;
  command(name: string, key: string, ...words: readonly (string | number)[]): Promise<unknown>;
}

const [one, two] = ['n-1', 'n-2'] as NodeId[] as [NodeId, NodeId];
const LARGE = 2 ** 53 - 1;

/** What the steps of the sessions promise. `makeScene` gives an empty store. */
export function describeSessionScripts(name: string, makeScene: () => Promise<SessionScriptScene>): void {
  describe(`scripts of the sessions: ${name}`, () => {
    let scene: SessionScriptScene;
    let keys: SessionsKeys;
    beforeEach(async () => {
      scene = await makeScene();
      keys = createKeys({ prefix: scene.prefix, database: 0 }).sessions;
    });

    const join = (node: NodeId, ids: number[], isAgain = false) =>
      scene.store.run(joinSessions, { keys, node, isAgain, sessions: ids.map((id) => [id, `row ${id}`] as const) });
    const leave = (node: NodeId, sessions: number[]) => scene.store.run(leaveSessions, { keys, node, sessions });
    const keysLeft = () => scene.command('KEYS', `${scene.prefix}:*`);

    it('enters each id once in the cluster (SES-2)', async () => {
      expect(await join(one, [1, LARGE, 3])).toEqual([true, true, true]);
      expect(await join(two, [LARGE, 4, LARGE - 1])).toEqual([false, true, true]);
      expect(await join(one, [1, 1, 5, 5])).toEqual([false, false, true, false]);
      expect(await scene.command('HGET', keys.ids, `${LARGE}`)).toBe(one);
      expect(await scene.command('HGET', keys.of(two), '4')).toBe('row 4');
      expect(await scene.command('HGET', keys.of(two), `${LARGE}`)).toBeNull();
    });

    it('enters again what the node has, and nothing that another has', async () => {
      await join(one, [1, 2]);
      await join(two, [3]);
      expect(await join(one, [1, 3, 4], true)).toEqual([true, false, true]);
    });

    it('lets a session leave by its own node only', async () => {
      await join(one, [1, 2]);
      expect(await leave(two, [1])).toBe(0);
      expect(await leave(one, [1, 9])).toBe(1);
      expect(await leave(one, [1])).toBe(0);
      expect(await join(two, [1, 2])).toEqual([true, false]);
    });

    it('forgets all sessions of a node, in parts, and leaves no key', async () => {
      const ids = Array.from({ length: 30 }, (_, index) => index + 1);
      await join(one, ids);
      await join(two, [99]);
      expect(await scene.store.run(forgetSessions, { keys, node: one, limitCount: 12 })).toBe(18);
      expect(await join(two, ids)).toHaveLength(30);
      await forgetSessionsOf(scene.store as Store, keys, one);
      expect(await scene.command('HGET', keys.ids, '99')).toBe(two);
      await forgetSessionsOf(scene.store as Store, keys, two);
      expect(await keysLeft()).toEqual([]);
    });

    it('never takes an id from another node that has got it since', async () => {
      await join(one, [1]);
      await scene.command('HSET', keys.ids, '1', two);
      await forgetSessionsOf(scene.store as Store, keys, one);
      expect(await scene.command('HGET', keys.ids, '1')).toBe(two);
    });
  });
}
