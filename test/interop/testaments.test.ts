import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import { openRealm } from '../support/open-realm.js';
import { EventLog, freshUri, join, KINDS, nameOf } from './pairs.js';

const TOPOLOGIES = {
  '1 node': () => startCluster(1, openRealm({ requestIdCheck: 'strict' })),
  '3 nodes over Redis': () => startRedisCluster(3, openRealm({ requestIdCheck: 'strict' })),
};

describe.each(Object.entries(TOPOLOGIES))('testaments of client libraries [%s]', (_topology, start) => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await start();
  });
  afterAll(() => cluster.stop());

  it.each(KINDS.map((kind) => [nameOf(kind), kind] as const))(
    '%s leaves a last will, and takes another back (TST-1, TST-2, TST-3)',
    async (_name, kind) => {
      const [device, watcher] = [await join(kind, cluster.url(0)), await join(kind, cluster.url(1))];
      const [topic, log] = [freshUri(), new EventLog()];
      await watcher.subscribe(topic, log.add);
      const will = [topic, [{ online: false }], { since: 2 ** 33 }];
      const other = [topic, ['taken back'], {}];
      // Without a result: the libraries differ in what they make of it.
      await device.call('wamp.session.add_testament', { args: will, kwargs: { scope: 'detached' } }).result;
      await device.call('wamp.session.add_testament', { args: other }).result;
      await device.call('wamp.session.flush_testaments').result;
      await device.publish(topic, { args: [{ online: true }] });
      await device.leave();
      const events = (await log.take(2)).map(({ args, kwargs }) => [args, kwargs]);
      expect(events).toEqual([
        [[{ online: true }], {}],
        [[{ online: false }], { since: 2 ** 33 }],
      ]);
      await watcher.leave();
    },
  );

  it.each(KINDS.map((kind) => [nameOf(kind), kind] as const))(
    '%s learns by its URI why a testament is refused (TST-5)',
    async (_name, kind) => {
      const device = await join(kind, cluster.url(0));
      const refused = device.call('wamp.session.add_testament', { args: ['wamp.reserved', [], {}] }).result;
      await expect(refused).rejects.toMatchObject({ uri: 'wamp.error.invalid_uri' });
      await device.leave();
    },
  );
});
