import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import { openRealm } from '../support/open-realm.js';
import { EventLog, join, KINDS, nameOf } from './pairs.js';

const config = openRealm({ requestIdCheck: 'strict', metaApi: 'all' });
const TOPOLOGIES = {
  '1 node': () => startCluster(1, config),
  '3 nodes over Redis': () => startRedisCluster(3, config),
};

describe.each(Object.entries(TOPOLOGIES))('the session meta API with client libraries [%s]', (_topology, start) => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await start();
  });
  afterAll(() => cluster.stop());

  it.each(KINDS.map((kind) => [nameOf(kind), kind] as const))(
    '%s lists, describes, watches and closes sessions (SMA-1, SMA-2, SMA-5)',
    async (_name, kind) => {
      const caller = await join(kind, cluster.url(0));
      const [joined, left] = [new EventLog(), new EventLog()];
      await caller.subscribe('wamp.session.on_join', joined.add);
      await caller.subscribe('wamp.session.on_leave', left.add);
      const other = await join(kind, cluster.url(1));
      const call = async (procedure: string, args: unknown[], kwargs: Record<string, unknown> = {}): Promise<unknown> =>
        (await caller.call(`wamp.session.${procedure}`, { args, kwargs }).result).args[0];
      expect(await call('count', [])).toBe(2);
      expect(((await call('list', [['anonymous']])) as number[]).sort()).toEqual(
        [caller.session, other.session].sort(),
      );
      const details = await call('get', [other.session]);
      expect(details).toMatchObject({ session: other.session, authrole: 'anonymous', authmethod: 'anonymous' });
      expect((await joined.take(1))[0]!.args).toEqual([details]);
      // Without a result: the libraries differ in what they make of it.
      await caller.call('wamp.session.kill', { args: [other.session], kwargs: { reason: 'com.example.enough' } })
        .result;
      expect(await other.ended).toContain('com.example.enough');
      const { authid } = details as { authid: string };
      expect((await left.take(1))[0]!.args).toEqual([other.session, authid, 'anonymous']);
      await expect(call('get', [other.session])).rejects.toMatchObject({ uri: 'wamp.error.no_such_session' });
      expect(await call('kill_by_authid', ['nobody'])).toEqual([]);
      expect(await call('kill_by_authrole', ['nobody'])).toBe(0);
      expect(await call('kill_all', [])).toBe(0);
      await caller.leave();
    },
  );
});
