import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import type { AppClient } from './clients/app-client.js';
import { EventLog, freshUri, join, KINDS, nameOf } from './pairs.js';

const REPEATS = 20;
const TOPOLOGIES = {
  '1 node': () => startCluster(1),
  '3 nodes in process': () => startCluster(3),
  '3 nodes over Redis': () => startRedisCluster(3),
};

/** Every library sends requests of one turn at once, and waits for no answer in between. */
describe.each(Object.entries(TOPOLOGIES))('a session and itself [%s]', (_name, start) => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await start();
  });
  afterAll(() => cluster.stop());

  async function joined(kind: (typeof KINDS)[number]): Promise<AppClient> {
    return join(kind, cluster.url(KINDS.indexOf(kind)));
  }

  // wampy has no way to send `exclude_me: false`.
  it.each(KINDS.filter(({ library }) => library === 'autobahn').map((kind) => [nameOf(kind), kind] as const))(
    'subscribes and publishes to itself in one burst: %s (G10)',
    async (_kind, kind) => {
      const client = await joined(kind);
      const log = new EventLog();
      const asked = Array.from({ length: REPEATS }, (_, number) => {
        const topic = freshUri();
        const subscribed = client.subscribe(topic, log.add);
        return [subscribed, client.publish(topic, { args: [number] }, { exclude_me: false })];
      });
      await Promise.all(asked.flat());
      const numbers = (await log.take(REPEATS)).map(({ args }) => args[0]);
      expect(numbers).toEqual(Array.from({ length: REPEATS }, (_, number) => number));
      await client.leave();
    },
  );

  it.each(KINDS.map((kind) => [nameOf(kind), kind] as const))(
    'registers and calls itself in one burst: %s (G10)',
    async (_kind, kind) => {
      const client = await joined(kind);
      const results = Array.from({ length: REPEATS }, async (_, number) => {
        const procedure = freshUri();
        const registered = client.register(procedure, ({ args }) => ({ args }));
        const { result } = client.call(procedure, { args: [number] });
        await registered;
        return (await result).args[0];
      });
      expect(await Promise.all(results)).toEqual(Array.from({ length: REPEATS }, (_, number) => number));
      await client.leave();
    },
  );
});
