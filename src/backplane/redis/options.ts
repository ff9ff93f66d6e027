import type { ClusterCounters } from '../../telemetry/cluster-counters.js';
import type { Logger } from '../../telemetry/logger.js';
import type { StoreAccess } from './connection/client-options.js';
import type { Servers } from './connection/ports.js';
import type { LaneLimits } from './lanes/ports.js';
import type { Wire } from './ports.js';
import type { Surroundings } from './surroundings.js';

export interface ClusterTimings {
  readonly leaseMs: number;
  readonly renewMs: number;
  /** How long the inbox of a node that does not renew may have no listener until the node is declared dead. 0: only its lease counts. */
  readonly absentMs: number;
  /** Time between two heartbeats of a lane, two probes of the own inbox, and two looks at the neighbours. */
  readonly heartbeatMs: number;
  readonly probeTimeoutMs: number;
  readonly barrierTimeoutMs: number;
  readonly reaskMs: number;
  readonly takeoverTimeoutMs: number;
  /** An outage is reported to the node when it has lasted this long. */
  readonly downAfterMs: number;
  /** A start that takes longer fails. */
  readonly startTimeoutMs: number;
}

export interface RedisBackplaneOptions {
  /** Beginning of the NodeId; no spaces. */
  readonly name: string;
  readonly access: StoreAccess;
  /** Clusters with another prefix never meet. */
  readonly prefix: string;
  readonly timings: ClusterTimings;
  readonly limits: LaneLimits & {
    /** The largest message of a client: compared with the largest that the store passes on. */
    readonly maxMessageBytes?: number;
    /** Bytes that the store buffers for a node; undefined: the store is asked. */
    readonly pubsubBufferBytes?: number | undefined;
  };
  readonly counters: ClusterCounters;
  readonly logger: Logger;
  /** Puts a wire between the lanes and the store, for tests that record or lose messages. */
  readonly interceptWire?: (wire: Wire) => Wire;
  /** Absent: those of the process. */
  readonly surroundings?: Surroundings;
  /** Take the place of the primaries of a Redis Cluster, for a simulation. */
  readonly servers?: Servers;
}
