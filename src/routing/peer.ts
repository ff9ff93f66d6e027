import type { Features } from '../wamp/features.js';
import type { SessionId } from '../wamp/ids.js';

/** The identity of a session. */
export interface Identity {
  readonly session: SessionId;
  readonly authid: string;
  readonly authrole: string;
}

/** A session of this node as routing sees it. Compared by identity: the same object for the life of the session. */
export interface Peer extends Identity {
  readonly features: Features;
  /** Calls that the peer may have in flight, if not as many as clients may. */
  readonly maxPendingCalls?: number;
}
