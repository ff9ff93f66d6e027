import { setTimeout as sleep } from 'node:timers/promises';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { GantryProcess } from '../support/gantry-process.js';
import { RawClient } from '../support/raw-client.js';
import { COMMAND_TIMEOUT_MS, TIMINGS } from './harness/timings.js';
import { startRedis, type RedisServer } from '../support/redis.js';

const SESSION_COUNT = 100;
const TOPIC = 'com.example.gone';
/** The last thing a subscriber waits for. */
const FENCE = 'com.example.fence';

let redis: RedisServer;
let folder: string;
let nodes: { readonly process: GantryProcess; readonly url: string }[] = [];
let clients: RawClient[] = [];

beforeEach(async () => {
  redis = await startRedis();
  folder = mkdtempSync(join(tmpdir(), 'gantry-testaments-'));
  const config = {
    backplane: {
      url: redis.url,
      redis: { prefix: 'testaments', commandTimeoutMs: COMMAND_TIMEOUT_MS, connectTimeoutMs: COMMAND_TIMEOUT_MS },
      cluster: TIMINGS,
    },
    drain: { periodMs: 300, deadlineMs: 8_000 },
    ops: { enabled: false },
    demo: { enabled: false },
  };
  writeFileSync(join(folder, 'gantry.json'), JSON.stringify(config));
  nodes = [];
  clients = [];
  for (let count = 0; count < 3; count++) {
    const process = new GantryProcess(['start', '--config', join(folder, 'gantry.json'), '--port', '0']);
    nodes.push({ process, url: await process.ready() });
  }
});

afterEach(async () => {
  for (const client of clients) client.drop();
  for (const { process } of nodes) {
    process.signal('SIGCONT');
    process.signal('SIGKILL');
  }
  await Promise.all(nodes.map(({ process }) => process.exit));
  await redis.stop();
  rmSync(folder, { recursive: true });
});

async function joinAt(node: number): Promise<RawClient> {
  const client = await RawClient.join(nodes[node]!.url);
  clients.push(client);
  return client;
}

/** Sessions of the first node, each with a testament for each scope that names the session. */
async function sessionsWithTestaments(): Promise<RawClient[]> {
  const sessions = await Promise.all(Array.from({ length: SESSION_COUNT }, () => joinAt(0)));
  for (const client of sessions)
    for (const scope of ['destroyed', 'detached'])
      client.call('wamp.session.add_testament', [TOPIC, [client.session, scope], {}], {}, { scope });
  for (const client of sessions) for (let count = 0; count < 2; count++) await client.expect(Code.RESULT);
  return sessions;
}

/** A subscriber on each of the other nodes. */
async function subscribers(): Promise<RawClient[]> {
  const all = [await joinAt(1), await joinAt(2)];
  for (const client of all) for (const topic of [TOPIC, FENCE]) await client.subscribe(topic);
  return all;
}

/** What the subscriber receives until it has an event of every session, and a while longer. */
async function received(subscriber: RawClient, settleMs = 0): Promise<[number, string][]> {
  const events: [number, string][] = [];
  while (events.length < 2 * SESSION_COUNT) events.push((await subscriber.expect(Code.EVENT))[4] as [number, string]);
  await sleep(settleMs);
  for (const node of [1, 2]) (await joinAt(node)).publish(FENCE, [0, 'fence']);
  for (let fences = 0; fences < 2;) {
    const event = (await subscriber.expect(Code.EVENT))[4] as [number, string];
    if (event[1] === 'fence') fences++;
    else events.push(event);
  }
  return events;
}

/** Each testament once, and of each session that of the scope `detached` first. */
function expectEachOnce(events: readonly [number, string][], sessions: readonly RawClient[]): void {
  const bySession = new Map<number, string[]>();
  for (const [session, scope] of events) bySession.set(session, [...(bySession.get(session) ?? []), scope]);
  expect([...bySession].sort(([one], [other]) => one - other)).toEqual(
    sessions
      .map(({ session }) => [session, ['detached', 'destroyed']])
      .sort(([one], [other]) => Number(one) - Number(other)),
  );
}

it('of the sessions of a node that is killed are each published once (TST-7, G5)', async () => {
  const [all, sessions] = [await subscribers(), await sessionsWithTestaments()];
  nodes[0]!.process.signal('SIGKILL');
  for (const subscriber of all) expectEachOnce(await received(subscriber), sessions);
});

it('are still there when the store has lost its data in between (TST-7, G6)', async () => {
  const [all, sessions] = [await subscribers(), await sessionsWithTestaments()];
  await redis.command('FLUSHALL');
  const stored = async (): Promise<number> => {
    const keys = (await redis.command('KEYS', 'testaments:*:testaments:*')) as string[];
    const counts = await Promise.all(keys.map((key) => redis.command('HLEN', key)));
    return counts.reduce<number>((sum, count) => sum + Number(count), 0);
  };
  while ((await stored()) < SESSION_COUNT) await sleep(50);
  nodes[0]!.process.signal('SIGKILL');
  for (const subscriber of all) expectEachOnce(await received(subscriber), sessions);
});

it('of a node that was paused and declared dead are published by another, and not again by itself (TST-7, G5)', async () => {
  const [all, sessions] = [await subscribers(), await sessionsWithTestaments()];
  nodes[0]!.process.signal('SIGSTOP');
  const [one, other] = all as [RawClient, RawClient];
  const first = await received(one);
  nodes[0]!.process.signal('SIGCONT');
  expectEachOnce(first, sessions);
  // The node closes its clients when it learns that it was declared dead.
  await Promise.all(sessions.map(({ closed }) => closed));
  expectEachOnce(await received(other, TIMINGS.leaseMs), sessions);
});

it('are published by a node that shuts down, as its sessions end (TST-6)', async () => {
  const [all, sessions] = [await subscribers(), await sessionsWithTestaments()];
  nodes[0]!.process.signal('SIGTERM');
  await nodes[0]!.process.exit;
  for (const subscriber of all) expectEachOnce(await received(subscriber), sessions);
  expect(await redis.command('KEYS', 'testaments:*:testaments:*')).toEqual([]);
});
