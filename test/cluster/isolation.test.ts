import { expect, it, onTestFinished } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
import { RawClient, type Message } from '../support/raw-client.js';
import type { RedisServer } from '../support/redis.js';
import { Fleet } from './harness/fleet.js';
import { figure } from './harness/metrics.js';
import type { Router } from './harness/router.js';
import { ownRedis } from './harness/scene.js';
import { keepEverybody, nodesIn } from './harness/store.js';
import { NOTICED_MS, REAPED_MS } from './harness/timings.js';
import { within } from './harness/wait.js';

const PREFIX = 'isolation';

interface Pair {
  readonly redis: RedisServer;
  readonly proxy: FaultProxy;
  readonly other: Router;
  /** Reaches the store through the proxy. */
  readonly victim: Router;
  readonly isDead: () => Promise<boolean>;
}

async function startPair(settings: readonly string[] = []): Promise<Pair> {
  const redis = await ownRedis();
  const proxy = await startFaultProxy(redis.port);
  onTestFinished(() => proxy.stop());
  const fleet = new Fleet({
    routerCount: 2,
    prefix: PREFIX,
    settings,
    backplane: (index) => (index === 1 ? proxy.url : redis.url),
  });
  onTestFinished(() => fleet.kill());
  await fleet.start();
  const [other, victim] = fleet.routers as [Router, Router];
  const { node } = victim;
  const isDead = async (): Promise<boolean> => !(await nodesIn(redis, PREFIX)).alive.includes(node);
  return { redis, proxy, other, victim, isDead };
}

/** The error of the answer to a request; undefined: it has none. */
async function errorOf(client: RawClient): Promise<unknown> {
  const answer: Message = await client.receive();
  return answer[0] === Code.ERROR ? answer[4] : undefined;
}

it('promises nothing that it cannot know when it is cut off for longer than its lease (G4, G6)', async () => {
  const { proxy, other, victim, isDead } = await startPair();
  const local = await RawClient.join(victim.url);
  await local.register('com.example.local');
  const client = await RawClient.join(victim.url);
  await proxy.cut();
  await within(REAPED_MS, 'it is declared dead', isDead);
  const elsewhere = await RawClient.join(other.url);
  await elsewhere.subscribe('com.example.topic');
  await elsewhere.register('com.example.procedure');

  client.publish('com.example.topic', ['lost'], { acknowledge: true });
  expect(await errorOf(client)).toBe(ErrorUri.NETWORK_FAILURE);
  client.call('com.example.procedure');
  expect(await errorOf(client)).toBe(ErrorUri.NETWORK_FAILURE);
  const dropped = async (): Promise<number> =>
    figure(await victim.figures(), 'gantry_events_dropped_total{reason="node_unreachable"}') ?? 0;
  const before = await dropped();
  client.publish('com.example.topic', ['counted']);
  await client.fence();
  expect(await dropped()).toBe(before + 1);

  // What is local and certain goes on.
  client.call('com.example.local');
  const [, request] = await local.expect(Code.INVOCATION);
  local.send([Code.YIELD, request, {}, ['here']]);
  expect((await client.expect(Code.RESULT))[3]).toEqual(['here']);
  await Promise.all([local, client, elsewhere].map((one) => one.close()));
});

it('never sends PUBLISHED for what nobody gets when it was declared dead and its clock does not know (G4)', async () => {
  const { redis, proxy, other, victim, isDead } = await startPair();
  const { node } = victim;
  const elsewhere = await RawClient.join(other.url);
  await elsewhere.subscribe('com.example.topic');
  const client = await RawClient.join(victim.url);
  await client.publishAcknowledged('com.example.topic', ['before']);
  await elsewhere.expect(Code.EVENT);

  // As for a machine whose clock stood still: its lease has run out, and its clock is at the middle of it.
  proxy.hold('directory');
  await redis.command('HSET', `${PREFIX}:{nodes}:meta`, 'graceUntilMs', '0');
  await redis.command('ZADD', `${PREFIX}:{nodes}:leases`, 'XX', '1', node);
  await within(REAPED_MS, 'it is declared dead', isDead);
  await within(NOTICED_MS, 'the other has noticed it', () =>
    other.logged('backplane.node_gone').some(({ fields }) => fields['peer'] === node),
  );
  for (let number = 0; number < 20; number++) client.publish('com.example.topic', [number], { acknowledge: true });
  for (let number = 0; number < 20; number++) expect(await errorOf(client)).toBe(ErrorUri.NETWORK_FAILURE);
  expect(await elsewhere.fence()).toEqual([]);
  await proxy.heal();
  expect((await client.closed).code).toBe(1012);
  await elsewhere.close();
});

it('handles nothing of its clients when it wakes and has been declared dead (G5)', async () => {
  const { victim, isDead } = await startPair();
  const callee = await RawClient.join(victim.url);
  await callee.register('com.example.procedure');
  const caller = await RawClient.join(victim.url);
  victim.pause();
  // They wait in its sockets.
  for (let number = 0; number < 100; number++) caller.call('com.example.procedure', [number]);
  await within(REAPED_MS, 'it is declared dead', isDead);
  victim.resume();
  for (const client of [callee, caller]) expect((await client.closed).code).toBe(1012);
  expect([...callee.unread, ...caller.unread]).toEqual([]);
});

it('lets its clients wait while it is isolated, if it is to pause, and goes on where they were (G6)', async () => {
  const { redis, proxy, victim } = await startPair(['backplane.cluster.isolated=pause']);
  await keepEverybody(redis, PREFIX);
  const callee = await RawClient.join(victim.url);
  await callee.register('com.example.procedure');
  const caller = await RawClient.join(victim.url);
  await proxy.cut();
  await within(REAPED_MS, 'it is isolated', () => victim.logged('node.isolated').length === 1);
  for (let number = 0; number < 3; number++) caller.call('com.example.procedure', [number]);
  const heldCount = async (): Promise<number> => figure(await victim.figures(), 'gantry_inbox_messages') ?? 0;
  await within(NOTICED_MS, 'they wait', async () => (await heldCount()) === 3);
  expect(callee.unread).toEqual([]);
  await proxy.heal();
  for (let number = 0; number < 3; number++) {
    const [, request, , , args] = await callee.expect(Code.INVOCATION);
    expect(args).toEqual([number]);
    callee.send([Code.YIELD, request, {}, args]);
    expect((await caller.expect(Code.RESULT))[3]).toEqual([number]);
  }
  expect(victim.lives).toHaveLength(1);
  await Promise.all([callee, caller].map((client) => client.close()));
});

it('closes its clients when it is isolated, if it is to, and takes none until it is back (G6)', async () => {
  const { redis, proxy, victim } = await startPair(['backplane.cluster.isolated=close']);
  await keepEverybody(redis, PREFIX);
  const client = await RawClient.join(victim.url);
  await proxy.cut();
  expect((await client.closed).code).toBe(1012);
  expect(victim.logged('node.isolated').map(({ fields }) => fields['reason'])).toEqual(['close']);
  const refused = await RawClient.connect(victim.url);
  refused.send([Code.HELLO, 'realm1', { roles: { caller: {} } }]);
  expect((await refused.closed).code).toBe(1013);
  await proxy.heal();
  await within(NOTICED_MS, 'it is back', async () => (await victim.readiness()).ready);
  const again = await RawClient.join(victim.url);
  await again.fence();
  await again.close();
});
