import { expect, it, onTestFinished } from 'vitest';
import { startFaultProxy } from '../support/fault-proxy.js';
import type { RedisServer } from '../support/redis.js';
import { endOf, type Plan } from './checker/journal.js';
import { ownRedis, startScene, type Scene } from './harness/scene.js';
import { HEALED_MS } from './harness/timings.js';
import { forMs, within } from './harness/wait.js';
import { ownProcedure } from './harness/roles.js';

const SILENT: Plan = { delayMs: 0, progressCount: 0, reply: 'silence' };
/** Nobody's lease ends in a test, however slow the machine is. */
const ENDLESS_LEASE = ['backplane.cluster.leaseMs=300000', 'backplane.cluster.barrierTimeoutMs=310000'] as const;
/** Much longer than it takes, much shorter than a lease. */
const DECLARED_DEAD_MS = 20_000;
/** By then a node that is to be declared dead has been. */
const LONG_MS = 5_000;

/** A node that has just started spares everybody for a lease. */
async function withoutGrace(redis: RedisServer, { prefix }: Scene): Promise<void> {
  await redis.command('HSET', `${prefix}:{nodes}:meta`, 'graceUntilMs', 0);
}

function expectNobodyGone({ fleet }: Scene): void {
  for (const router of fleet.all) {
    expect(router.lives).toHaveLength(1);
    expect(router.logged('backplane.node_gone')).toEqual([]);
  }
}

it('declares a killed node dead long before its lease ends: its calls end, its procedures are free (G5)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis, { settings: ENDLESS_LEASE });
  await withoutGrace(redis, scene);
  const victim = scene.router(2);
  const { node } = victim;
  const call = scene.load.callers[0]!.call(ownProcedure(2), SILENT)!;
  await within(3_000, 'the callee is at work', () => scene.journal.invocations.some((one) => one.call === call.number));

  scene.sacrifice(victim);
  const trouble = scene.trouble(victim);
  await victim.kill();
  await within(DECLARED_DEAD_MS, 'the call has ended', () => endOf(call) !== undefined);
  expect(endOf(call)?.error).toBe('wamp.error.canceled');
  await scene.forgotten(node, DECLARED_DEAD_MS);
  expect(await scene.reapedCount()).toBe(1);
  await scene.directoryShows(1_000);
  // Its members have come back to the other nodes: they subscribe and register there.
  await scene.sweep(DECLARED_DEAD_MS);
  trouble.over();
  await scene.finish({ ghostMs: DECLARED_DEAD_MS, answerMs: DECLARED_DEAD_MS, noticeMs: DECLARED_DEAD_MS });
});

it('leaves a node alone that hangs: it listens (G5)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis, { settings: ENDLESS_LEASE });
  await withoutGrace(redis, scene);
  const victim = scene.router(1);
  victim.pause();
  await forMs(LONG_MS);
  victim.resume();
  await scene.sweep(HEALED_MS);
  expectNobodyGone(scene);
  await scene.finish({ noticeMs: LONG_MS, answerMs: 3 * LONG_MS });
});

it('leaves a node alone that renews while its subscriber is killed again and again (G5)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis, { settings: ENDLESS_LEASE });
  await withoutGrace(redis, scene);
  const trouble = scene.trouble();
  const subscriber = new RegExp(`^id=(\\d+) .* name=gantry:${scene.router(1).node}:subscriber `, 'm');
  const untilMs = Date.now() + LONG_MS;
  while (Date.now() < untilMs) {
    const [, id] = subscriber.exec(String(await redis.command('CLIENT', 'LIST', 'TYPE', 'pubsub'))) ?? [];
    if (id !== undefined) await redis.command('CLIENT', 'KILL', 'ID', id);
    await forMs(20);
  }
  await scene.sweep(HEALED_MS);
  trouble.over();
  expectNobodyGone(scene);
  await scene.finish({ noticeMs: LONG_MS, answerMs: 3 * LONG_MS });
});

it('leaves a node alone that the network has cut off without a word, for as long as its lease (G5)', async () => {
  const redis = await ownRedis();
  const proxy = await startFaultProxy(redis.port);
  onTestFinished(() => proxy.stop());
  const scene = await startScene(redis, {
    settings: ENDLESS_LEASE,
    storeFor: (index) => (index === 1 ? proxy.url : redis.url),
  });
  await withoutGrace(redis, scene);
  const trouble = scene.trouble();
  proxy.blackhole();
  await forMs(LONG_MS);
  await proxy.heal();
  await scene.sweep(HEALED_MS);
  trouble.over();
  expectNobodyGone(scene);
  await scene.finish({ noticeMs: 2 * LONG_MS, answerMs: 3 * LONG_MS });
});
