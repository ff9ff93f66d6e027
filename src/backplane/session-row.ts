import type { Identity } from '../routing/peer.js';
import type { NodeId, SessionId, Uri } from '../wamp/ids.js';
import type { Dict } from '../wamp/options.js';

/** How a session is connected, as the meta API describes it; nothing secret. */
export interface TransportDetails {
  /** `websocket`. */
  readonly type: string;
  /** Sub-protocol, as `wamp.2.json`. */
  readonly protocol: string;
  readonly serializer: string;
  /** Address of the client. */
  readonly peer: string;
}

/** The row that the cluster keeps of an open session. */
export interface SessionDetails extends Identity {
  readonly authmethod: string;
  readonly authprovider: string;
  /** Absent: none, or more bytes than the node shows. */
  readonly authextra?: Dict | undefined;
  readonly transport: TransportDetails;
}

/** A session of the cluster, as the directory has it. */
export interface SessionRow extends SessionDetails {
  readonly realm: Uri;
  readonly node: NodeId;
  /** In ms since 1970, by the clock of its node. */
  readonly joinedAtMs: number;
}

/** A session of a node that died. */
export interface LostSession extends SessionRow {
  /** The values that `Directory.setTestaments` stored last; absent: none. */
  readonly testaments?: readonly Uint8Array[];
}

/** Reads which sessions the cluster has, also those of a node that died and was not reaped yet. */
export interface Sessions {
  /** Undefined: the realm has no such session. One step. */
  get(realm: Uri, session: SessionId): Promise<SessionRow | undefined>;
  /**
   * Sessions of the realm, of some authroles only where `roles` names them. Each session that is there throughout comes once;
   * one that joins or leaves meanwhile may be missing. In parts, the next one when the caller takes it; a part may be empty.
   * O(sessions of the realm), whichever roles.
   */
  list(realm: Uri, roles?: readonly string[]): AsyncIterable<readonly SessionRow[]>;
  /** How many there are. A fixed number of steps, each O(roles). */
  count(realm: Uri, roles?: readonly string[]): Promise<number>;
}
