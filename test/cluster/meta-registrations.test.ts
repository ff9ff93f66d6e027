import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { AppClient } from '../interop/clients/app-client.js';
import { appsOfNodes } from './harness/apps-of-nodes.js';
import { watchMeta, type Seen } from './harness/meta-watch.js';

const PROCEDURE_COUNT = 20;
const SHARED = 'com.example.shared';
const KINDS = ['create', 'register', 'unregister', 'delete'];

const nodes = appsOfNodes();
const { join } = nodes;

const watch = (client: AppClient): Promise<Seen[]> => watchMeta(client, 'registration', KINDS);

const idOf = async (client: AppClient, procedure: string): Promise<unknown> =>
  (await client.call('wamp.registration.lookup', { args: [procedure] }).result).args[0];

it('registrations of a node that is killed end once, those of others stay (UMA-1, RMA-1, G5)', async () => {
  const watchers = [await join('autobahn', 1), await join('wampy', 2)];
  const lists = await Promise.all(watchers.map(watch));
  const victim = await join('autobahn', 0);
  const survivor = await join('wampy', 1);
  const procedures = Array.from({ length: PROCEDURE_COUNT }, (_, index) => `com.example.n${index}`);
  for (const procedure of procedures) await victim.register(procedure, () => ({}));
  await survivor.register(SHARED, () => ({}), { invoke: 'roundrobin' });
  await victim.register(SHARED, () => ({}), { invoke: 'roundrobin' });
  const ids = await Promise.all(procedures.map((procedure) => idOf(watchers[1]!, procedure)));
  const shared = Number(await idOf(watchers[0]!, SHARED));

  nodes.cluster.signal(0, 'SIGKILL');
  const ends = (seen: readonly Seen[]): number => seen.filter(({ kind }) => kind === 'delete').length;
  for (const seen of lists)
    await expect.poll(() => ends(seen), { timeout: 30_000 }).toBeGreaterThanOrEqual(PROCEDURE_COUNT);
  await sleep(1_000);

  for (const seen of lists) {
    for (const id of ids) {
      const about = seen.filter(({ id: one }) => one === id);
      expect(about).toEqual(KINDS.map((kind) => ({ kind, session: victim.session, id })));
    }
    expect(seen.filter(({ id }) => id === shared)).toEqual([
      { kind: 'create', session: survivor.session, id: shared },
      { kind: 'register', session: survivor.session, id: shared },
      { kind: 'register', session: victim.session, id: shared },
      { kind: 'unregister', session: victim.session, id: shared },
    ]);
    expect(seen).toHaveLength(4 * PROCEDURE_COUNT + 4);
  }
  for (const watcher of watchers) {
    const listed = await watcher.call('wamp.registration.list').result;
    expect(listed.args).toEqual([{ exact: [shared], prefix: [], wildcard: [] }]);
    const callees = await watcher.call('wamp.registration.list_callees', { args: [shared] }).result;
    expect(callees.args).toEqual([[survivor.session]]);
  }
});

it('no registration ends when the store loses its data', async () => {
  const watcher = await join('wampy', 2);
  const seen = await watch(watcher);
  const callee = await join('autobahn', 0);
  await callee.register('com.example.kept', () => ({ args: ['kept'] }));
  await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(2);
  await nodes.cluster.redis.command('FLUSHALL');
  await sleep(3_000);
  const fresh = await join('autobahn', 1);
  await fresh.register('com.example.later', () => ({}));
  await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(4);
  expect(seen.map(({ kind }) => kind)).toEqual(['create', 'register', 'create', 'register']);
  expect((await watcher.call('com.example.kept').result).args).toEqual(['kept']);
});
