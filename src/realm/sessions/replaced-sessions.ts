import type { Session } from '../../session/ports.js';
import { fault } from '../../wamp/faults.js';
import type { SessionId } from '../../wamp/ids.js';
import { CloseUri, ErrorUri } from '../../wamp/uris.js';
import type { OpeningSessions } from './reservations.js';
import { MAX_REPLACED_IDS } from './session-places.js';

const REPLACED = 'another session of the same authid has replaced this one';

/**
 * Closes those of the sessions whose ids the question of another node has, and refuses those that are still being opened: the
 * question may overtake the answer of the store. How many there were.
 */
export function closeReplaced(
  body: unknown,
  sessions: ReadonlySet<Session>,
  opening: OpeningSessions,
): Promise<number> {
  const replaced = new Set(replacedSessions(body));
  const closed = [...sessions].filter(({ session }) => replaced.has(session));
  for (const session of closed) session.close(CloseUri.SESSION_REPLACED, REPLACED);
  const why = fault(ErrorUri.LIMIT_EXCEEDED, REPLACED);
  const refused = opening.refuseOpening(({ session }) => replaced.has(session), why);
  return Promise.resolve(closed.length + refused.length);
}

/** The ids in the body of the question, which comes from another node. */
export function replacedSessions(body: unknown): readonly SessionId[] {
  if (!Array.isArray(body) || body.length > MAX_REPLACED_IDS) return [];
  return body.filter((id): id is SessionId => Number.isSafeInteger(id));
}
