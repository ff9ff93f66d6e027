import { randomUUID } from 'node:crypto';
import type { Backplane } from '../backplane/backplane.js';
import { MemoryHub } from '../backplane/memory/hub.js';
import { RedisBackplane } from '../backplane/redis/redis-backplane.js';
import type { Config } from '../config/schema.js';
import type { ClusterCounters } from '../telemetry/cluster-counters.js';
import type { Logger } from '../telemetry/logger.js';
import type { NodeId } from '../wamp/ids.js';

/** What a backplane is made from. */
export interface BackplaneDependencies {
  readonly config: Config;
  /** What its NodeId begins with; what follows must be another in each life. */
  readonly name: string;
  /** They outlast the backplane. */
  readonly counters: ClusterCounters;
  readonly logger: Logger;
}

/** Until an outage is said to the realms, and calls that wait for other nodes end. */
const DOWN_AFTER_MS = 1_000;
/** Of one attempt to start; whoever starts the node tries again. */
const START_TIMEOUT_MS = 15_000;
const REAP_MS = 1_000;
/** The receiver of a batch deals with all of it in one turn. Batches of 64 are about as fast as any (ADR 11). */
const MAX_ITEMS_PER_BATCH = 256;

/** The backplane that the configuration asks for: what nobody else shares, or a Redis. */
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

/** A holder that is dead has been declared so by then: its lease, a renewal of another node, and what that one has to remove. */
function takeoverTimeoutMs({ takeoverTimeoutMs: set, leaseMs, renewMs }: Config['backplane']['cluster']): number {
  return set ?? leaseMs + renewMs + REAP_MS;
}
