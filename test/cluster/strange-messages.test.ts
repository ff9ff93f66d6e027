import { once } from 'node:events';
import { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { BatchReader } from '../../src/backplane/wire/batch-reader.js';
import { BatchWriter, encodeProbe } from '../../src/backplane/wire/batch-writer.js';
import { MAGIC, VERSION_AT } from '../../src/backplane/wire/format.js';
import { ItemWriter } from '../../src/backplane/wire/item-writer.js';
import type { NodeId } from '../../src/wamp/ids.js';
import type { RedisServer } from '../support/redis.js';
import { figure } from './harness/metrics.js';
import type { Router } from './harness/router.js';
import { ownRedis, startScene, type Scene } from './harness/scene.js';
import { HEALED_MS, REAPED_MS } from './harness/timings.js';
import { within } from './harness/wait.js';
import { packed } from '../support/packed.js';

const IGNORED = 'gantry_cluster_messages_ignored_total';

it('counts and ignores foreign, damaged, repeated and newer messages on every channel (G4)', async () => {
  const { redis, scene, raw } = await startTapped();
  const victim = scene.router(1);
  const inbox = `${scene.prefix}:{n:${victim.node}}:inbox`;
  const genuine = await nextBatch(redis, inbox);
  const before = await ignored(victim);

  const changed = (at: number, value: number): Buffer => {
    const copy = Buffer.from(genuine);
    copy[at] = value;
    return copy;
  };
  const strange: readonly [reason: string, message: Buffer][] = [
    ['magic', Buffer.alloc(0)],
    ['magic', Buffer.from('hello')],
    ['magic', changed(0, genuine[0]! ^ 0xff)],
    ['version', changed(VERSION_AT, 2)],
    ['size', genuine.subarray(0, MAGIC.length + 3)],
    ['checksum', changed(genuine.length - 1, genuine.at(-1)! ^ 0x55)],
    ['checksum', genuine.subarray(0, genuine.length - 5)],
    ['checksum', Buffer.concat([genuine, Buffer.alloc(4 * 1_048_576, 1)])],
    ['receiver', Buffer.from(encodeProbe(scene.router(0).node as NodeId, 7))],
    ['duplicate', genuine],
  ];
  for (const [, message] of strange) await raw.publish(inbox, message);
  const nodes = `${scene.prefix}:{nodes}:changes`;
  const realm = `${scene.prefix}:{r:realm1}:changes`;
  const changes = [
    '',
    'nonsense',
    '2 99999999 entered x {}',
    '1 x y z',
    '\0\xff',
    `1 ${'9'.repeat(400)}`,
    packed([2, 99_999_999, 'x', 'enter', 'x']),
    packed([1, 'x', 'y', 'z']),
    packed([1, 5, '', 'claim']),
  ].map((change) => Buffer.from(change));
  for (const channel of [nodes, realm]) for (const change of changes) await raw.publish(channel, change);

  const expected = new Map<string, number>();
  for (const [reason] of strange) expected.set(reason, (expected.get(reason) ?? 0) + 1);
  await within(3_000, 'all are counted', async () => {
    const after = await ignored(victim);
    return [...expected].flatMap(([reason, count]) => {
      const counted = (after.get(reason) ?? 0) - (before.get(reason) ?? 0);
      return counted >= count ? [] : [`${reason}: ${counted} of ${count}`];
    });
  });
  await scene.sweep(HEALED_MS);
  for (const router of scene.fleet.living) {
    expect(router.lives).toHaveLength(1);
    expect((await ignored(router)).get('change') ?? 0).toBeGreaterThan(0);
    expect((await ignored(router)).get('version') ?? 0).toBeGreaterThan(0);
  }
  await scene.finish({ noticeMs: 0 });
});

it('heals within seconds from sequences and versions that somebody made up, and reports it (G1-G4)', async () => {
  const { redis, scene, raw } = await startTapped();
  const victim = scene.router(1);
  const inbox = `${scene.prefix}:{n:${victim.node}}:inbox`;
  const realm = `${scene.prefix}:{r:realm1}:changes`;
  const genuine = await nextBatch(redis, inbox);
  const head = new BatchReader(victim.node as NodeId).open(genuine);
  if (typeof head === 'string') throw new Error(`a node sends what cannot be read: ${head}`);
  const forge = (sequence: number): Buffer => {
    const writer = new BatchWriter(new ItemWriter(head.from), head.from, victim.node as NodeId);
    writer.sync();
    return Buffer.from(writer.finish(sequence));
  };
  const version = Number(await raw.get(`${scene.prefix}:{r:realm1}:version`));

  const trouble = scene.trouble();
  for (const sequence of [2 ** 31 - 1, 2 ** 53 - 1, head.sequence + 100_000]) await raw.publish(inbox, forge(sequence));
  for (const far of [2 ** 52 - 1, 2 ** 32, version + 100_000])
    await raw.publish(realm, Buffer.from(packed([1, far, head.from, 'complete', head.from])));
  await within(HEALED_MS, 'the lane is reset', async () => {
    return (figure(await victim.figures(), 'gantry_cluster_lane_gaps_total{reason="reset"}') ?? 0) > 0;
  });
  await scene.sweep(HEALED_MS);
  trouble.over();

  expect((await ignored(victim)).get('far')).toBeGreaterThanOrEqual(4);
  expect(victim.logged('backplane.gap').map(({ fields }) => String(fields['reason']))).toContainEqual(
    expect.stringContaining('is reset'),
  );
  expect(victim.logged('backplane.version_doubted')).not.toHaveLength(0);
  for (const router of scene.fleet.living) expect(router.lives).toHaveLength(1);
  await scene.finish();
});

it('goes on beside rows and a node of a version it does not read, reports it, and reaps that node (G5)', async () => {
  const { scene, raw } = await startTapped();
  const { prefix } = scene;
  const stranger = 'stranger-11111111-2222-4333-8444-555555555555';
  const [seconds = '0'] = (await raw.time()) as unknown as string[];
  await raw.hset(`${prefix}:{nodes}:alive`, stranger, Buffer.from(packed([2, 'stranger', 1, [2]])));
  await raw.zadd(`${prefix}:{nodes}:leases`, Number(seconds) * 1_000 + 1_500, stranger);
  const version = await raw.hincrby(`${prefix}:{nodes}:meta`, 'version', 1);
  await raw.publish(
    `${prefix}:{nodes}:changes`,
    Buffer.from(packed([1, version, 'entered', stranger, [2, 'stranger']])),
  );
  await raw.hset(`${prefix}:{r:realm1}:procedures`, 'exact com.newer', Buffer.from([0x92, 2, 0xa1, 0x78]));
  await raw.hset(`${prefix}:{r:realm1}:procedures`, 'nonsense', '1\n12 roundrobin\nnobody');
  await raw.sadd(`${prefix}:{r:realm1}:interest:${stranger}`, 'sometimes com.load');
  // Everything is read anew, the strange rows too.
  await raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  const trouble = scene.trouble();
  await scene.sweep(HEALED_MS);
  trouble.over();
  for (const router of scene.fleet.living) {
    await within(
      3_000,
      'the rows are counted',
      async () => (figure(await router.figures(), 'gantry_cluster_rows_ignored_total') ?? 0) > 0,
    );
    expect(router.lives).toHaveLength(1);
  }
  await within(REAPED_MS + 2_000, 'the stranger is reaped', async () => (await scene.reapedCount()) === 1);
  await raw.hdel(`${prefix}:{r:realm1}:procedures`, 'exact com.newer', 'nonsense');
  await raw.del(`${prefix}:{r:realm1}:interest:${stranger}`);
  await scene.finish();
});

async function startTapped(): Promise<{ redis: RedisServer; scene: Scene; raw: Redis }> {
  const redis = await ownRedis();
  const scene = await startScene(redis);
  const raw = new Redis(redis.port, '127.0.0.1');
  onTestFinished(() => raw.disconnect());
  return { redis, scene, raw };
}

/** The messages of one node for another, as they pass the store. */
async function nextBatch(redis: RedisServer, channel: string): Promise<Buffer> {
  const tap = new Redis(redis.port, '127.0.0.1');
  try {
    await tap.subscribe(channel);
    for (;;) {
      const [, message] = (await once(tap, 'messageBuffer')) as [Buffer, Buffer];
      // Not one of its own probes, which are short.
      if (message.length > 300) return message;
    }
  } finally {
    tap.disconnect();
  }
}

async function ignored(router: Router): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const [name, value] of await router.figures()) {
    const [, reason] = new RegExp(`^${IGNORED}\\{reason="(\\w+)"\\}$`).exec(name) ?? [];
    if (reason !== undefined) counts.set(reason, value);
  }
  return counts;
}
