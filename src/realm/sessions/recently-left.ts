import { Recent } from '../../util/recent.js';
import type { SessionId } from '../../wamp/ids.js';

/**
 * Sessions whose end this node has published or received as an event a short time ago. Over Redis, the event takes another
 * connection than the removal of the row: who has received it must not find the session any more (SMA-3). A store that takes
 * longer to remove the row has failed.
 */
export class RecentlyLeft {
  readonly #nowMs: () => number;
  readonly #sessions: Recent<SessionId, true>;

  /** `onFull`: a session is forgotten before its time. */
  constructor(nowMs: () => number, onFull: () => void) {
    this.#nowMs = nowMs;
    this.#sessions = new Recent(onFull);
  }

  has(session: SessionId): boolean {
    return this.#sessions.has(session);
  }

  add(session: SessionId): void {
    this.#sessions.add(session, true, this.#nowMs());
  }

  /** A session has joined under this id. */
  delete(session: SessionId): void {
    this.#sessions.take(session);
  }
}
