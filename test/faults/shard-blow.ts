import { figure } from '../cluster/harness/metrics.js';
import { forMs, within } from '../cluster/harness/wait.js';
import type { RedisServer } from '../support/redis.js';
import type { Arena } from './arena.js';
import type { Struck } from './blow.js';
import { SHARD_MORTAL_MS, type FaultOf } from './fault.js';

/** Nodes look this often for slots that they do not use, in heartbeats, and once more. */
const ALL_SEEN_TICKS = 6;
const PRIMARY_COUNT = 3;
const NOTICED_MS = 30_000;
const PROBES = 'gantry_cluster_probe_round_trip_seconds_count';
/** Slots of a move that is not only of those in use. */
const SLOT_COUNT = 400;

export function failOverShard(arena: Arena, { shard }: FaultOf<'shard-fail-over'>): Promise<Struck> {
  return through(arena, async () => {
    await arena.shards.failOver(await primaryAt(arena, shard));
  });
}

export function killShard(arena: Arena, { shard, downMs }: FaultOf<'shard-kill'>): Promise<Struck> {
  return through(arena, async () => {
    const primary = await primaryAt(arena, shard);
    await arena.shards.killPrimary(primary);
    await forMs(downMs);
    await primary.start();
  });
}

/** A primary that stands still for long comes back as one that was replaced and does not know it. */
export function freezeShard(arena: Arena, { shard, forMs: frozenMs }: FaultOf<'shard-freeze'>): Promise<Struck> {
  return through(arena, async () => {
    const primary = await primaryAt(arena, shard);
    primary.pause();
    try {
      await forMs(frozenMs);
      if (frozenMs > SHARD_MORTAL_MS) await arena.shards.replaced(primary);
    } finally {
      primary.resume();
    }
  });
}

export function flushShard(arena: Arena, { shard }: FaultOf<'shard-flush'>): Promise<Struck> {
  return through(arena, async () => {
    await (await primaryAt(arena, shard)).flushAll();
  });
}

export function moveSlots(arena: Arena, { shard, to, isWhole }: FaultOf<'move-slots'>): Promise<Struck> {
  return through(arena, async () => {
    const { shards } = arena;
    const [source, target] = [await primaryAt(arena, shard), await primaryAt(arena, to)];
    const used = await shards.usedSlotsOf(source);
    const all = isWhole ? (await shards.slotsOf(source)).slice(0, SLOT_COUNT) : [];
    await shards.moveSlots(new Set([...all, ...used]), source, target);
  });
}

/** Whatever leaves a node may fail until the nodes have noticed the fault and all works again. */
async function through(arena: Arena, fault: () => Promise<void>): Promise<Struck> {
  const trouble = arena.scene.trouble();
  await fault();
  const healsFromMs = Date.now();
  await arena.shards.becomeWhole();
  await haveNoticed(arena);
  return { healsFromMs, over: () => trouble.over() };
}

/** In the order of the ports, which no failover changes for long. */
async function primaryAt(arena: Arena, shard: number): Promise<RedisServer> {
  const primaries = [...(await arena.shards.primaries())].sort((one, other) => one.port - other.port);
  return primaries[shard % primaries.length]!;
}

/** Each node looks with its probes, one for each primary and its inbox with each heartbeat, whether all is as it was. */
async function haveNoticed({ scene }: Arena): Promise<void> {
  const looks = scene.fleet.living.map(async (router) => {
    let wanted: number | undefined;
    await within(NOTICED_MS, `${router.name} has looked at all primaries`, async () => {
      const figures = await router.figures().catch(() => undefined);
      if (figures === undefined) return router.isOver;
      const count = figure(figures, PROBES) ?? 0;
      wanted ??= count + ALL_SEEN_TICKS * (PRIMARY_COUNT + 1);
      return count >= wanted;
    });
  });
  await Promise.all(looks);
}
