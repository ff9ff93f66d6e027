import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import type { RawClient } from '../support/raw-client.js';
import { ThreeNodes } from './harness/three-nodes.js';

const SESSION_COUNT = 100;
const JOINED = 'wamp.session.on_join';
const LEFT = 'wamp.session.on_leave';

let cluster: ThreeNodes;

beforeEach(async () => {
  cluster = await ThreeNodes.start();
});

afterEach(() => cluster.stop());

/** Keeps a presence list as docs/meta-api.md has it, and every event in the order in which it came. */
class Watcher {
  readonly events: { readonly kind: 'joined' | 'left'; readonly session: number }[] = [];
  readonly present = new Set<number>();
  readonly #client: RawClient;
  #listed: ((ids: number[]) => void) | undefined;

  private constructor(client: RawClient) {
    this.#client = client;
  }

  static async at(node: number): Promise<Watcher> {
    const client = await cluster.join(node);
    const watcher = new Watcher(client);
    const joined = await client.subscribe(JOINED);
    await client.subscribe(LEFT);
    void watcher.#receive(joined);
    const listing = new Promise<number[]>((resolve) => (watcher.#listed = resolve));
    client.call('wamp.session.list');
    for (const id of await listing) if (!watcher.#hasLeft(id)) watcher.present.add(id);
    return watcher;
  }

  get session(): number {
    return this.#client.session;
  }

  of(kind: 'joined' | 'left'): number[] {
    return this.events.filter((event) => event.kind === kind).map(({ session }) => session);
  }

  #hasLeft(id: number): boolean {
    return this.events.some(({ kind, session }) => kind === 'left' && session === id);
  }

  async #receive(joined: number): Promise<void> {
    for (;;) {
      const message = await this.#client.receive().catch(() => undefined);
      if (message === undefined) return;
      if (message[0] === Code.RESULT) this.#listed?.((message[3] as [number[]])[0]);
      if (message[0] !== Code.EVENT) continue;
      if (message[1] === joined) {
        const { session } = (message[4] as [{ session: number }])[0];
        this.events.push({ kind: 'joined', session });
        this.present.add(session);
      } else {
        const session = (message[4] as [number])[0];
        this.events.push({ kind: 'left', session });
        this.present.delete(session);
      }
    }
  }
}

async function until(isReached: () => boolean): Promise<void> {
  const limit = Date.now() + 30_000;
  while (!isReached()) {
    if (Date.now() > limit) throw new Error('not reached within 30 s');
    await sleep(50);
  }
}

const sorted = (ids: Iterable<number>): number[] => [...ids].sort((one, other) => one - other);

it('each session of a node that is killed leaves once, and the list is right (SMA-2, SMA-5)', async () => {
  const watchers = [await Watcher.at(1), await Watcher.at(2)];
  const victims = await Promise.all(Array.from({ length: SESSION_COUNT }, () => cluster.join(0)));
  const staying = await cluster.join(1);
  await until(() => watchers.every(({ events }) => events.length >= SESSION_COUNT + 1));
  cluster.signal(0, 'SIGKILL');
  await until(() => watchers.every((watcher) => watcher.of('left').length >= SESSION_COUNT));
  await sleep(1_000);
  const present = sorted([...watchers.map(({ session }) => session), staying.session]);
  for (const watcher of watchers) {
    expect(sorted(watcher.of('left'))).toEqual(sorted(victims.map(({ session }) => session)));
    expect(sorted(watcher.present)).toEqual(present);
  }
});

it('the store loses its data in the middle of joins: no living session leaves, each joins once (SMA-2)', async () => {
  const watcher = await Watcher.at(1);
  const joining = Array.from({ length: SESSION_COUNT }, async (_, at) => {
    await sleep(at * 5);
    if (at === SESSION_COUNT / 2) await cluster.redis.command('FLUSHALL');
    return cluster.join(at % 3).catch(() => undefined);
  });
  const joined = (await Promise.all(joining)).flatMap((client) => (client === undefined ? [] : [client.session]));
  expect(joined.length).toBeGreaterThan(SESSION_COUNT / 2);
  await until(() => watcher.of('joined').length >= joined.length);
  await sleep(1_000);
  const events = new Set(watcher.of('joined'));
  expect(joined.filter((session) => !events.has(session))).toEqual([]);
  expect(events.size).toBe(watcher.of('joined').length);
  const left = new Set(watcher.of('left'));
  expect(joined.filter((session) => left.has(session))).toEqual([]);
});

it('a presence list is right after a rolling restart (SMA-2, SMA-5)', async () => {
  const watcher = await Watcher.at(2);
  for (const node of [0, 1]) {
    await Promise.all(Array.from({ length: 20 }, () => cluster.join(node)));
    await cluster.replace(node);
    await cluster.join(node);
  }
  const asker = await cluster.join(2);
  asker.call('wamp.session.list');
  const [, , , [listed]] = (await asker.expect(Code.RESULT)) as [number, number, object, [number[]]];
  await until(() => watcher.present.size === listed.length);
  expect(sorted(watcher.present)).toEqual(sorted(listed));
  expect(new Set(watcher.of('left')).size).toBe(watcher.of('left').length);
});
