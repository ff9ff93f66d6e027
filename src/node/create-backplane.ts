import { randomUUID } from 'node:crypto';
import type { Backplane } from '../backplane/backplane.js';
import { MemoryHub } from '../backplane/memory/hub.js';
import { RedisBackplane } from '../backplane/redis/redis-backplane.js';
import type { Config } from '../config/schema.js';
import type { ClusterCounters } from '../telemetry/cluster-counters.js';
import type { Logger } from '../telemetry/logger.js';
import type { NodeId } from '../wamp/ids.js';

/** The dependencies of a backplane. */
export interface BackplaneDependencies {
  readonly config: Config;
  /** Prefix of the NodeId; the rest differs in each incarnation. */
  readonly name: string;
  /** The counters outlast the backplane. */
  readonly counters: ClusterCounters;
  readonly logger: Logger;
}

/** Time until the backplane reports an outage to the realms, and calls that wait for other nodes end. */
const DOWN_AFTER_MS = 1_000;
/** Timeout of one attempt to start; the caller tries again. */
const START_TIMEOUT_MS = 15_000;
const REAP_MS = 1_000;
/** Batches of 64 are about as fast as any (ADR 11). */
const MAX_ITEMS_PER_BATCH = 256;

/** Creates the configured backplane: in the process's memory for a node alone, or over Redis. */
export function createBackplane({ config, name, counters, logger }: BackplaneDependencies): Backplane {
  const { url, redis, cluster } = config.backplane;
  if (url === 'memory') return new MemoryHub().join(`${name}-${randomUUID()}` as NodeId);
  const { prefix, pubsubBufferBytes, ...access } = redis;
  const { maxBatchBytes, maxUnacknowledgedBytes, isolated: _, ...times } = cluster;
  const timings = { ...times, takeoverTimeoutMs: takeoverTimeoutMs(cluster) };
  return new RedisBackplane({
    name,
    prefix,
    access: { url, ...access },
    timings: { ...timings, downAfterMs: DOWN_AFTER_MS, startTimeoutMs: START_TIMEOUT_MS },
    limits: {
      maxBatchBytes,
      maxUnacknowledgedBytes,
      maxItemsPerBatch: MAX_ITEMS_PER_BATCH,
      maxMessageBytes: config.limits.maxMessageBytes,
      pubsubBufferBytes,
    },
    counters,
    logger,
  });
}

/**
 * Returns a time within which the others declare a dead holder dead: its lease, a renewal of another node, and the time
 * to remove its rows.
 */
function takeoverTimeoutMs({ takeoverTimeoutMs: set, leaseMs, renewMs }: Config['backplane']['cluster']): number {
  return set ?? leaseMs + renewMs + REAP_MS;
}
