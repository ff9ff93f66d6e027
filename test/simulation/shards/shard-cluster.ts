import type { Backplane } from '../../../src/backplane/backplane.js';
import type { RedisBackplaneOptions } from '../../../src/backplane/redis/options.js';
import { RedisBackplane } from '../../../src/backplane/redis/redis-backplane.js';
import { createClusterCounters } from '../../../src/telemetry/cluster-counters.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import type { NodeId, Uri } from '../../../src/wamp/ids.js';
import type { Cluster } from '../cluster.js';
import { TOPICS } from '../schedule.js';
import type { VirtualTime } from '../virtual-time.js';
import { ShardStore, type Loss } from './shard-store.js';

/** The times of a router, five times as fast. */
const TIMINGS: RedisBackplaneOptions['timings'] = {
  leaseMs: 1_400,
  renewMs: 400,
  absentMs: 300,
  heartbeatMs: 200,
  probeTimeoutMs: 400,
  barrierTimeoutMs: 3_000,
  reaskMs: 100,
  takeoverTimeoutMs: 2_000,
  downAfterMs: 200,
  startTimeoutMs: 3_000,
};

const LIMITS = { maxBatchBytes: 262_144, maxItemsPerBatch: 256, maxUnacknowledgedBytes: 67_108_864 };

export interface ShardClusterOptions {
  readonly partCount: number;
  readonly time: VirtualTime;
  readonly random: () => number;
  /** A node cannot reach a part of the store. */
  readonly disconnected: (node: NodeId) => void;
  /** Another node is about to remove the rows of the node. */
  readonly reaped: (node: NodeId) => void;
  /** The receiver has noticed the loss, or one of the two has ended. */
  readonly isKnown: (loss: Loss & { readonly at: number }) => boolean;
  readonly now: () => number;
}

/** Nodes with the backplane over Redis, above a Redis Cluster in memory. */
export class ShardCluster implements Cluster {
  readonly beginMs = 1_000;
  readonly longMs = 6_000;
  readonly endMs = 2_000;
  // Its row, its note of the realm, and that it serves the realm.
  readonly ownRowCount = 3;
  readonly store: ShardStore;
  readonly #options: ShardClusterOptions;
  readonly #nodes = new Map<NodeId, { readonly backplane: RedisBackplane; readonly isDead: () => boolean }>();
  readonly #isolated = new Set<NodeId>();
  #losses: (Loss & { readonly at: number })[] = [];
  #turnCount = 0;
  #wordCount = 0;

  constructor(options: ShardClusterOptions) {
    this.#options = options;
    this.store = new ShardStore({
      ...options,
      lost: (loss) => this.#losses.push({ ...loss, at: options.now() }),
    });
  }

  get parts(): this {
    return this;
  }

  get isQuiet(): boolean {
    if (this.store.underWayCount > 0 || this.#turnCount > 0) return false;
    for (const { backplane, isDead } of this.#nodes.values())
      if (!isDead() && backplane.standing() !== 'over' && backplane.isCutOff) return false;
    this.#losses = this.#losses.filter((loss) => !this.#options.isKnown(loss));
    return this.#losses.length === 0;
  }

  join(name: NodeId, isDead: () => boolean): Backplane {
    const { time, random } = this.#options;
    const after = (delayMs: number, action: () => void): (() => void) =>
      time.after(delayMs, () => {
        if (!isDead()) action();
      });
    const backplane: RedisBackplane = new RedisBackplane({
      name,
      prefix: 'p',
      access: {
        url: 'redis://store:1',
        cluster: { nodes: ['store:1'] },
        connectTimeoutMs: 1_000,
        commandTimeoutMs: 1_000,
      },
      timings: TIMINGS,
      limits: LIMITS,
      counters: createClusterCounters(),
      logger: silentLogger,
      surroundings: {
        nowMs: () => time.nowMs,
        wallMs: () => this.store.wallMs,
        after,
        lastingAfter: after,
        atEndOfTurn: (action) => {
          this.#turnCount++;
          time.after(0, () => {
            this.#turnCount--;
            if (!isDead()) action();
          });
        },
        random,
        incarnation: () => `${++this.#wordCount}`,
      },
      servers: this.store.serversFor(() => backplane.node),
    });
    this.#nodes.set(backplane.node, { backplane, isDead });
    return backplane;
  }

  /** The node believes that another one wants them. */
  interestedNodes(node: NodeId, realm: Uri): readonly string[] {
    return TOPICS.filter((topic) => this.#nodes.get(node)?.backplane.isWanted(realm, topic) === true);
  }

  rowCount(node: NodeId): number {
    return this.store.rowsOf(node).length;
  }

  isIsolated(node: NodeId): boolean {
    return this.#isolated.has(node);
  }

  isCutOff(node: NodeId): boolean {
    return !this.store.reachesAll(node) || this.#nodes.get(node)?.backplane.isCutOff === true;
  }

  lacksRows(): boolean {
    return false;
  }

  kill(node: NodeId, keptCount: number): void {
    this.store.kill(node, keptCount);
  }

  isolate(node: NodeId): void {
    this.#isolated.add(node);
    this.store.cut(node);
  }

  heal(node: NodeId): void {
    this.#isolated.delete(node);
    this.store.heal(node);
  }

  loseNext(from: NodeId, to: NodeId): void {
    this.store.failNext(from, to, 'lose');
  }

  returnNext(from: NodeId, to: NodeId): void {
    this.store.failNext(from, to, 'return');
  }
}
