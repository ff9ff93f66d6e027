import type { ClusterCounters } from '../../telemetry/cluster-counters.js';
import type { Logger } from '../../telemetry/logger.js';
import type { StoreAccess } from './connection/client-options.js';
import type { LaneLimits } from './lanes/ports.js';
import type { Wire } from './ports.js';

export interface ClusterTimings {
  readonly leaseMs: number;
  readonly renewMs: number;
  /** How long nobody may listen to the inbox of a node that renews no more, until it is declared dead. 0: only its lease counts. */
  readonly absentMs: number;
  /** Between two heartbeats of a lane and two probes of the own inbox. */
  readonly heartbeatMs: number;
  readonly probeTimeoutMs: number;
  readonly barrierTimeoutMs: number;
  readonly reaskMs: number;
  readonly takeoverTimeoutMs: number;
  /** An outage is said to the node when it has lasted this long. */
  readonly downAfterMs: number;
  /** A start that takes longer fails. */
  readonly startTimeoutMs: number;
}

export interface RedisBackplaneOptions {
  /** What the NodeId begins with; no spaces. */
  readonly name: string;
  readonly access: StoreAccess;
  /** Clusters with another prefix never meet. */
  readonly prefix: string;
  readonly timings: ClusterTimings;
  readonly limits: LaneLimits & {
    /** Of a client's message: compared with what the store passes on. */
    readonly maxMessageBytes?: number;
    /** What the store lets wait for a node; undefined: it is asked. */
    readonly pubsubBufferBytes?: number | undefined;
  };
  readonly counters: ClusterCounters;
  readonly logger: Logger;
  /** Stands between the lanes and the store, for whoever wants to see or lose what passes. */
  readonly interceptWire?: (wire: Wire) => Wire;
}
