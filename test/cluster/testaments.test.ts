import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import type { RawClient } from '../support/raw-client.js';
import { ThreeNodes } from './harness/three-nodes.js';
import { TIMINGS } from './harness/timings.js';

const SESSION_COUNT = 100;
const TOPIC = 'com.example.gone';
/** The last thing a subscriber waits for. */
const FENCE = 'com.example.fence';

let cluster: ThreeNodes;

beforeEach(async () => {
  cluster = await ThreeNodes.start();
});

afterEach(() => cluster.stop());

/** Sessions of the first node, each with a testament for each scope that names the session. */
async function sessionsWithTestaments(): Promise<RawClient[]> {
  const sessions = await Promise.all(Array.from({ length: SESSION_COUNT }, () => cluster.join(0)));
  for (const client of sessions)
    for (const scope of ['destroyed', 'detached'])
      client.call('wamp.session.add_testament', [TOPIC, [client.session, scope], {}], {}, { scope });
  for (const client of sessions) for (let count = 0; count < 2; count++) await client.expect(Code.RESULT);
  return sessions;
}

/** A subscriber on each of the other nodes. */
async function subscribers(): Promise<RawClient[]> {
  const all = [await cluster.join(1), await cluster.join(2)];
  for (const client of all) for (const topic of [TOPIC, FENCE]) await client.subscribe(topic);
  return all;
}

/** What the subscriber receives until it has an event of every session, and a while longer. */
async function received(subscriber: RawClient, settleMs = 0): Promise<[number, string][]> {
  const events: [number, string][] = [];
  while (events.length < 2 * SESSION_COUNT) events.push((await subscriber.expect(Code.EVENT))[4] as [number, string]);
  await sleep(settleMs);
  for (const node of [1, 2]) (await cluster.join(node)).publish(FENCE, [0, 'fence']);
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
  cluster.signal(0, 'SIGKILL');
  for (const subscriber of all) expectEachOnce(await received(subscriber), sessions);
});

it('are still there when the store has lost its data in between (TST-7, G6)', async () => {
  const [all, sessions] = [await subscribers(), await sessionsWithTestaments()];
  await cluster.redis.command('FLUSHALL');
  const stored = async (): Promise<number> => {
    const keys = (await cluster.redis.command('KEYS', 'gantry:*:testaments:*')) as string[];
    const counts = await Promise.all(keys.map((key) => cluster.redis.command('HLEN', key)));
    return counts.reduce<number>((sum, count) => sum + Number(count), 0);
  };
  while ((await stored()) < SESSION_COUNT) await sleep(50);
  cluster.signal(0, 'SIGKILL');
  for (const subscriber of all) expectEachOnce(await received(subscriber), sessions);
});

it('of a node that was paused and declared dead are published by another, and not again by itself (TST-7, G5)', async () => {
  const [all, sessions] = [await subscribers(), await sessionsWithTestaments()];
  cluster.signal(0, 'SIGSTOP');
  const [one, other] = all as [RawClient, RawClient];
  const first = await received(one);
  cluster.signal(0, 'SIGCONT');
  expectEachOnce(first, sessions);
  // The node closes its clients when it learns that it was declared dead.
  await Promise.all(sessions.map(({ closed }) => closed));
  expectEachOnce(await received(other, TIMINGS.leaseMs), sessions);
});

it('are published by a node that shuts down, as its sessions end (TST-6)', async () => {
  const [all, sessions] = [await subscribers(), await sessionsWithTestaments()];
  cluster.signal(0, 'SIGTERM');
  await cluster.nodes[0]!.process.exit;
  for (const subscriber of all) expectEachOnce(await received(subscriber), sessions);
  expect(await cluster.redis.command('KEYS', 'gantry:*:testaments:*')).toEqual([]);
});
