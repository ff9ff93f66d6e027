import { expect, it, onTestFinished } from 'vitest';
import { createKeys } from '../../src/backplane/redis/keys.js';
import type { NodeId } from '../../src/wamp/ids.js';
import { slotMoves, startShards, type RedisShards } from '../support/redis-shards.js';
import { MetaRecord } from './harness/meta-record.js';
import { startScene, type Scene } from './harness/scene.js';
import { figure } from './harness/metrics.js';
import { HEALED_MS, LONG_LEASE } from './harness/timings.js';
import { within } from './harness/wait.js';

const REALM = 'realm1';
/** Longer than any machine takes for some heartbeats. */
const NOTICED_MS = 60_000;

interface Sharded {
  readonly shards: RedisShards;
  readonly scene: Scene;
}

/** Three routers over a Redis Cluster; autobahn-js and wampy are among their clients. */
async function startSharded(hasReplicas: boolean): Promise<Sharded> {
  const shards = await startShards({ hasReplicas });
  onTestFinished(() => shards.stop());
  const scene = await startScene(undefined, { shards, settings: LONG_LEASE });
  return { shards, scene };
}

const channelsOf = ({ prefix }: Scene) => createKeys({ prefix, database: 0 }).channels;

/** Slots that a router does not use are compared with every fifth heartbeat. */
const ALL_SEEN_TICKS = 7;
const PROBES = 'gantry_cluster_probe_round_trip_seconds_count';

/** Waits until each router has noticed what has changed in the store: it looks with its probes, one for each server and its inbox. */
async function allHaveNoticed({ shards, scene }: Sharded): Promise<void> {
  const probeCount = ALL_SEEN_TICKS * (shards.servers.length + 1);
  const looks = scene.fleet.living.map(async (router) => {
    const countOf = async (): Promise<number> => figure(await router.figures(), PROBES) ?? 0;
    const wanted = (await countOf()) + probeCount;
    await within(NOTICED_MS, 'all servers are looked at', async () => (await countOf()) >= wanted);
  });
  await Promise.all(looks);
}

/** A fault of the store: what leaves a node may fail by name until all works again, and each router lives on. */
async function through(sharded: Sharded, fault: () => Promise<unknown>): Promise<void> {
  const { scene } = sharded;
  const trouble = scene.trouble();
  await fault();
  await allHaveNoticed(sharded);
  await scene.sweep(HEALED_MS);
  await scene.readinessBecomes(true, HEALED_MS, ...scene.fleet.living);
  trouble.over();
}

function expectNobodyGone({ fleet }: Scene): void {
  expect(fleet.all.flatMap((router) => router.logged('backplane.node_gone'))).toEqual([]);
  for (const router of fleet.all) expect(router.lives).toHaveLength(1);
}

it('a failover, by hand and by the death of a primary, costs nobody a session (G3, G4, G6)', async () => {
  const sharded = await startSharded(true);
  const { shards, scene } = sharded;
  const channels = channelsOf(scene);
  const record = await MetaRecord.at(scene.router(2).url);
  for (const channel of [channels.nodes, channels.inbox(scene.router(0).node as NodeId)])
    await through(sharded, async () => shards.failOver(await shards.ownerOf(channel)));
  await through(sharded, async () => {
    const owner = await shards.ownerOf(channels.realm(REALM));
    await shards.killPrimary(owner);
    // It comes back as a replica.
    await owner.start();
  });
  expectNobodyGone(scene);
  await record.expectOnce();
  await scene.finish({ noticeMs: 9_000 });
});

it('a server of it that stands still, or has lost its data, is an outage that heals (G4, G6)', async () => {
  const sharded = await startSharded(false);
  const { shards, scene } = sharded;
  const channels = channelsOf(scene);
  const record = await MetaRecord.at(scene.router(2).url);
  const frozen = await shards.ownerOf(channels.realm(REALM));
  await through(sharded, async () => {
    frozen.pause();
    await scene.readinessBecomes(false, HEALED_MS, ...scene.fleet.living);
    frozen.resume();
  });
  for (const server of shards.servers) await through(sharded, () => server.flushAll());
  expectNobodyGone(scene);
  await record.expectOnce();
  await scene.finish({ noticeMs: 9_000 });
});

it.each(slotMoves())('slots move, %s, while servers and nodes come and go (G3, G4, G5, G6)', async (way) => {
  const sharded = await startSharded(false);
  const { shards, scene } = sharded;
  const record = await MetaRecord.at(scene.router(2).url);
  let added = shards.servers[0]!;
  await through(sharded, async () => {
    added = await shards.addPrimary();
    const [first, second] = shards.servers;
    const moving = async (): Promise<void> => {
      await shards.moveSlots(await shards.usedSlotsOf(first!), first!, added, way);
      await shards.moveSlots(await shards.usedSlotsOf(second!), second!, first!, way);
    };
    const replacing = async (): Promise<void> => {
      for (const index of [0, 1]) {
        scene.sacrifice(scene.router(index));
        await scene.fleet.replace(index);
      }
    };
    await Promise.all([moving(), replacing()]);
  });
  await through(sharded, async () => {
    await shards.moveSlots(await shards.slotsOf(added), added, shards.servers[2]!, way);
    await shards.removePrimary(added);
  });
  await scene.directoryShows(HEALED_MS);
  await record.expectOnce();
  await scene.finish({ noticeMs: 9_000, ghostMs: 9_000 });
});
