import type { Session } from '../session/ports.js';
import { CloseUri } from '../wamp/uris.js';
import type { Realm } from './realm.js';

/** `close`: the WebSocket closes with 1012. `goodbye`: the node sends GOODBYE wamp.close.system_shutdown first. */
export type Farewell = 'close' | 'goodbye';

export interface DrainOptions {
  readonly farewell: Farewell;
  /** Sessions are closed over this period, so that clients do not all reconnect at once. */
  readonly periodMs: number;
  /** Counts from the start of the drain; afterwards sessions with calls in flight are closed too. */
  readonly deadlineMs: number;
  readonly nowMs: () => number;
  readonly wait: (delayMs: number) => Promise<void>;
}

const STEP_MS = 50;
const LEAVING = 'this node is shutting down: connect again';

/**
 * Empties the realms of a node that is about to leave. The node's callees get no new calls. Every session is closed,
 * one with calls in flight only when they have ended; it may make no new ones from its turn on. Resolves when all
 * sessions have ended or the deadline has passed (rules 2.3; ADR 14).
 */
export async function drainSessions(realms: () => Iterable<Realm>, options: DrainOptions): Promise<void> {
  const { farewell, periodMs, deadlineMs, nowMs, wait } = options;
  const startMs = nowMs();
  for (const realm of realms()) realm.dealer.withdraw();

  let remaining = openSessions(realms());
  const totalCount = remaining.length;
  while (remaining.length > 0 && nowMs() - startMs < deadlineMs) {
    const elapsedMs = nowMs() - startMs;
    const share = periodMs === 0 ? 1 : Math.min(1, (elapsedMs + STEP_MS) / periodMs);
    let dueCount = Math.ceil(totalCount * share) - (totalCount - remaining.length);
    for (const [session, realm] of remaining) {
      if (dueCount <= 0) break;
      dueCount--;
      // From now on it may not start calls: otherwise it might never be without one.
      if (realm.hasCallsInFlight(session)) realm.dealer.sendAway(session);
      else sendAway(session, farewell, LEAVING);
    }
    await wait(STEP_MS);
    remaining = openSessions(realms());
  }
  for (const [session] of remaining) sendAway(session, farewell, LEAVING);
}

/** Closes every session at once, whatever it waits for. `message`: of GOODBYE. */
export function dismissSessions(realms: Iterable<Realm>, farewell: Farewell, message: string): void {
  for (const [session] of openSessions(realms)) sendAway(session, farewell, message);
}

function sendAway(session: Session, farewell: Farewell, message: string): void {
  if (farewell === 'goodbye') session.close(CloseUri.SYSTEM_SHUTDOWN, message);
  else session.dismiss();
}

function openSessions(realms: Iterable<Realm>): [Session, Realm][] {
  const open: [Session, Realm][] = [];
  for (const realm of realms) for (const session of realm.sessions) if (session.isOpen) open.push([session, realm]);
  return open;
}
