import { expect, it } from 'vitest';
import type { AppClient } from '../interop/clients/app-client.js';
import { appsOfNodes } from './harness/apps-of-nodes.js';
import { watchMeta, type Seen } from './harness/meta-watch.js';

const TOPIC_COUNT = 20;
const SHARED = 'com.example.shared';
const PATIENCE = { timeout: 30_000 };

const nodes = appsOfNodes();
const { join } = nodes;

const watch = (client: AppClient): Promise<Seen[]> =>
  watchMeta(client, 'subscription', ['create', 'subscribe', 'unsubscribe', 'delete']);

const idOf = async (client: AppClient, topic: string): Promise<number> =>
  Number((await client.call('wamp.subscription.lookup', { args: [topic] }).result).args[0]);

/** Every watcher has received all that was published before. */
async function passed(lists: readonly Seen[][], client: AppClient): Promise<void> {
  await client.subscribe('com.example.fence', () => undefined);
  const id = await idOf(client, 'com.example.fence');
  for (const seen of lists)
    await expect.poll(() => seen.some((one) => one.kind === 'subscribe' && one.id === id), PATIENCE).toBe(true);
  for (const seen of lists) seen.splice(0, seen.length, ...seen.filter((one) => one.id !== id));
}

it('subscriptions of a node that is killed end once, those of others stay (UMA-6, G5)', async () => {
  const lists = await Promise.all([await join('autobahn', 1), await join('wampy', 2)].map(watch));
  const victim = await join('autobahn', 0);
  const survivor = await join('wampy', 1);
  const topics = Array.from({ length: TOPIC_COUNT }, (_, index) => `com.example.n${index}`);
  for (const topic of topics) await victim.subscribe(topic, () => undefined);
  await survivor.subscribe(SHARED, () => undefined);
  await victim.subscribe(SHARED, () => undefined);
  const ids = await Promise.all(topics.map((topic) => idOf(survivor, topic)));
  const shared = await idOf(survivor, SHARED);

  nodes.cluster.signal(0, 'SIGKILL');
  const ends = (seen: readonly Seen[]): number => seen.filter(({ kind }) => kind === 'delete').length;
  for (const seen of lists) await expect.poll(() => ends(seen), PATIENCE).toBeGreaterThanOrEqual(TOPIC_COUNT);
  await passed(lists, survivor);

  for (const seen of lists) {
    for (const id of ids)
      expect(seen.filter((one) => one.id === id)).toEqual([
        { kind: 'create', session: victim.session, id },
        { kind: 'subscribe', session: victim.session, id },
        { kind: 'delete', session: null, id },
      ]);
    expect(seen.filter(({ id }) => id === shared)).toEqual([
      { kind: 'create', session: survivor.session, id: shared },
      { kind: 'subscribe', session: survivor.session, id: shared },
      { kind: 'subscribe', session: victim.session, id: shared },
    ]);
    expect(seen).toHaveLength(3 * TOPIC_COUNT + 3);
  }
});

it('no subscription ends when the store loses its data (UMA-3)', async () => {
  const watcher = await join('wampy', 2);
  const seen = await watch(watcher);
  const subscriber = await join('autobahn', 0);
  const unsubscribe = await subscriber.subscribe('com.example.kept', () => undefined);
  const id = await idOf(watcher, 'com.example.kept');
  const details = async (): Promise<unknown[]> =>
    (await watcher.call('wamp.subscription.get', { args: [id] }).result).args;
  const before = await details();
  await expect.poll(() => seen.length, PATIENCE).toBe(2);
  const rows = async (): Promise<string[]> =>
    ((await nodes.cluster.redis.command('KEYS', '*:interest:*')) as string[]).sort();
  const written = await rows();
  await nodes.cluster.redis.command('FLUSHALL');
  await expect.poll(rows, PATIENCE).toEqual(written);
  await passed([seen], await join('autobahn', 1));
  expect(await details()).toEqual(before);
  await unsubscribe();
  await expect.poll(() => seen.length, PATIENCE).toBe(4);
  expect(seen).toEqual(
    ['create', 'subscribe', 'unsubscribe', 'delete'].map((kind) => ({ kind, session: subscriber.session, id })),
  );
});
