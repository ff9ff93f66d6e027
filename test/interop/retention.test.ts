import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import { openRealm } from '../support/open-realm.js';
import type { AppClient } from './clients/app-client.js';
import { EventLog, freshUri, join, KINDS, nameOf } from './pairs.js';

const config = openRealm({
  requestIdCheck: 'strict',
  retention: { topics: [{ uri: 'com.example.', match: 'prefix' }] },
});
const TOPOLOGIES = {
  '1 node': () => startCluster(1, config),
  '3 nodes in process': () => startCluster(3, config),
  '3 nodes over Redis': () => startRedisCluster(3, config),
};

// wampy 8.0.2 checks `retain` and does not send it, so that autobahn-js publishes.
const PUBLISHERS = KINDS.filter(({ library }) => library === 'autobahn');

for (const [topology, start] of Object.entries(TOPOLOGIES))
  describe(`retained events [${topology}]`, () => {
    let cluster: TestCluster;
    const clients: AppClient[] = [];
    beforeAll(async () => {
      cluster = await start();
    });
    afterAll(async () => {
      for (const client of clients) await client.leave();
      await cluster.stop();
    });
    const joined = async (kind: (typeof KINDS)[number], node: number): Promise<AppClient> => {
      const client = await join(kind, cluster.url(node));
      clients.push(client);
      return client;
    };

    for (const near of PUBLISHERS)
      for (const far of KINDS)
        describe(`${nameOf(near)} → ${nameOf(far)}`, () => {
          it('gives the last value to a later subscriber, then the next one (RET-2, RET-3)', async () => {
            const [publisher, subscriber] = [await joined(near, 0), await joined(far, 1)];
            const [topic, log] = [freshUri(), new EventLog()];
            await publisher.publish(topic, { args: ['opened'], kwargs: { by: 'peter' } }, { retain: true });
            await subscriber.subscribe(topic, log.add, { get_retained: true });
            expect((await log.take(1))[0]).toMatchObject({ args: ['opened'], kwargs: { by: 'peter' }, retained: true });
            await publisher.publish(topic, { args: ['closed'] }, { retain: true });
            expect((await log.take(1))[0]).toMatchObject({ args: ['closed'], retained: false });
          });

          it('gives a pattern the newest of its topics (RET-5)', async () => {
            const [publisher, subscriber] = [await joined(near, 0), await joined(far, 2)];
            const [stem, log] = [freshUri(), new EventLog()];
            for (const room of ['kitchen', 'hall'])
              await publisher.publish(`${stem}.${room}`, { args: [room] }, { retain: true });
            await subscriber.subscribe(stem, log.add, { match: 'prefix', get_retained: true });
            expect((await log.take(1))[0]).toMatchObject({ args: ['hall'], topic: `${stem}.hall`, retained: true });
          });
        });
  });
