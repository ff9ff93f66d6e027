import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deriveId } from '../../src/routing/derived-id.js';
import { startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import { openRealm } from '../support/open-realm.js';
import type { AppClient } from './clients/app-client.js';
import { freshUri, join, KINDS, nameOf } from './pairs.js';

const config = openRealm({
  requestIdCheck: 'strict',
  history: [{ uri: 'com.example.history', match: 'prefix' }],
});
const TOPOLOGIES = {
  '1 node': () => startCluster(1, config),
  '3 nodes in process': () => startCluster(3, config),
  '3 nodes over Redis': () => startRedisCluster(3, config),
};
const SUBSCRIPTION = 'com.example.history';

interface Memory {
  last?: number;
}

/** The recipe of docs/retention-and-history.md, in the words of the client libraries' tests. */
async function follow(client: AppClient, memory: Memory, id: number, handle: (value: unknown) => void): Promise<void> {
  const handled = new Set<number>();
  const waiting: [number, unknown][] = [];
  const state = { isCaughtUp: false };
  const take = (publication: number, value: unknown): void => {
    if (handled.has(publication)) return;
    handled.add(publication);
    memory.last = publication;
    handle(value);
  };
  await client.subscribe(
    SUBSCRIPTION,
    ({ publication, args: [value] }) => {
      if (state.isCaughtUp) take(publication!, value);
      else waiting.push([publication!, value]);
    },
    { match: 'prefix' },
  );
  for (let isLimitReached = memory.last !== undefined; isLimitReached;) {
    const question = { args: [id], kwargs: { after_publication: memory.last!, limit: 3 } };
    const { args: events, kwargs } = await client.call('wamp.subscription.get_events', question).result;
    for (const { publication, args } of events as { publication: number; args: unknown[] }[])
      take(publication, args[0]);
    isLimitReached = kwargs['is_limit_reached'] === true;
  }
  state.isCaughtUp = true;
  for (const [publication, value] of waiting) take(publication, value);
}

for (const [topology, start] of Object.entries(TOPOLOGIES))
  describe(`event history [${topology}]`, () => {
    let cluster: TestCluster;
    beforeAll(async () => {
      cluster = await start();
    });
    afterAll(() => cluster.stop());

    // wampy gives an event no publication id.
    for (const kind of KINDS.filter(({ library }) => library === 'autobahn'))
      it(`${nameOf(kind)} catches up after it has reconnected to another node`, async () => {
        const publisher = await join(kind, cluster.url(0));
        const topic = freshUri(`${SUBSCRIPTION}.t`);
        const handled: unknown[] = [];
        const memory: Memory = {};
        const publish = async (...values: number[]): Promise<void> => {
          for (const value of values) await publisher.publish(topic, { args: [value] });
        };
        const id = subscriptionId();
        const first = await join(kind, cluster.url(1));
        await follow(first, memory, id, (value) => handled.push(value));
        await publish(1, 2, 3);
        while (handled.length < 3) await new Promise((resolve) => setTimeout(resolve, 2));
        await first.leave();
        await publish(4, 5, 6, 7, 8, 9, 10);
        const second = await join(kind, cluster.url(2));
        const following = follow(second, memory, id, (value) => handled.push(value));
        await publish(11, 12, 13);
        await following;
        while (handled.length < 13) await new Promise((resolve) => setTimeout(resolve, 2));
        expect(handled).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
        await second.leave();
        await publisher.leave();
      });

    for (const kind of KINDS)
      it(`${nameOf(kind)} gets events, and an error by name (HIS-3)`, async () => {
        const client = await join(kind, cluster.url(0));
        const topic = freshUri(`${SUBSCRIPTION}.u`);
        const publications = [
          await client.publish(topic, { args: ['one'] }),
          await client.publish(topic, { args: ['two'] }),
        ];
        const kwargs = { from_publication: publications[0], topic };
        const { args } = await client.call('wamp.subscription.get_events', { args: [subscriptionId()], kwargs }).result;
        expect(args.map((event) => (event as { args: unknown[] }).args[0])).toEqual(['one', 'two']);
        const wrong = { args: [subscriptionId()], kwargs: { after_publication: 1 } };
        const failure = client.call('wamp.subscription.get_events', wrong).result;
        await expect(failure).rejects.toMatchObject({ uri: 'wamp.error.invalid_argument' });
        await client.leave();
      });
  });

function subscriptionId(): number {
  return deriveId('realm1', 'prefix', SUBSCRIPTION, 0);
}
