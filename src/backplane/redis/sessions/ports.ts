import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId, SessionId, Uri } from '../../../wamp/ids.js';
import type { SessionDetails } from '../../session-row.js';
import type { SessionsKeys } from '../keys.js';
import type { Store } from '../ports.js';

export interface SessionsDirectoryOptions {
  readonly node: NodeId;
  readonly store: Store;
  /** Index: `shardOf`. */
  readonly shards: readonly SessionsKeys[];
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  readonly counters: ClusterCounters;
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** Runs `flush` once, at the end of this turn of the event loop; asked at most once per turn. */
  readonly schedule: (flush: () => void) => void;
  readonly limits: { readonly maxSessionsPerStep: number; readonly retryMs: number };
  readonly events: {
    /** The store lost the session's row and its id has been given to another since. */
    taken(realm: Uri, session: SessionId): void;
    failed(operation: string, cause: unknown): void;
  };
}

/** The sessions of this node, as the cluster knows them. */
export interface OwnSessions {
  readonly count: number;
  /** False: the id is taken. Rejects with BackplaneUnavailableError: it is not entered. */
  join(realm: Uri, session: SessionDetails): Promise<boolean>;
  /** While cut off it takes effect on return. */
  leave(session: SessionId): void;
  /** While cut off it rejects, and takes effect on return. See `Directory.setTestaments`. */
  setTestaments(session: SessionId, testaments: readonly Uint8Array[]): Promise<void>;
  /** All of the realm; O(sessions). */
  leaveRealm(realm: Uri): void;
  /** Writes at once what waits for the end of the turn. */
  flush(): void;
  cutOff(): void;
  /** Makes the store agree with this node again, like ServedRealm.resync. */
  resync(): Promise<void>;
  /** Rejects the joins that are not sent yet. Idempotent. */
  stop(): void;
}
