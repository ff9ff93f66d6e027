import type { SessionId } from '../wamp/ids.js';

/** A store that takes longer to remove the row of a session has failed. */
const REMEMBERED_MS = 60_000;
const MAX_REMEMBERED = 65_536;

/**
 * Sessions whose end this node has published or received as an event a short time ago. Over Redis, the event takes another
 * connection than the removal of the row: who has received it must not find the session any more (SMA-3).
 */
export class RecentlyLeft {
  readonly #nowMs: () => number;
  /** Times at which the sessions left, the oldest first. */
  readonly #sinceMs = new Map<SessionId, number>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  has(session: SessionId): boolean {
    return this.#sinceMs.has(session);
  }

  add(session: SessionId): void {
    const nowMs = this.#nowMs();
    for (const [other, sinceMs] of this.#sinceMs) {
      if (nowMs - sinceMs < REMEMBERED_MS && this.#sinceMs.size < MAX_REMEMBERED) break;
      this.#sinceMs.delete(other);
    }
    this.#sinceMs.set(session, nowMs);
  }

  /** A session has joined under this id. */
  delete(session: SessionId): void {
    this.#sinceMs.delete(session);
  }
}
