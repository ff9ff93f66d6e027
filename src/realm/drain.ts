import type { Session } from '../session/ports.js';
import { CloseUri } from '../wamp/uris.js';
import type { Realm } from './realm.js';

export interface DrainOptions {
  /** GOODBYEs are spread over this long, so that clients do not all reconnect at once. */
  readonly periodMs: number;
  /** From the start of the drain; sessions with calls in flight then get their GOODBYE all the same. */
  readonly deadlineMs: number;
  readonly nowMs: () => number;
  readonly wait: (delayMs: number) => Promise<void>;
}

const STEP_MS = 50;

/**
 * Empties the realms of a node that is about to leave: no new calls come to its callees, then every session gets
 * GOODBYE wamp.close.system_shutdown, one with calls in flight only when they have ended; it may make no new ones from
 * its turn on. Resolves when all have gone or the deadline has passed. Spec: requirements 2.3; design: Drain.
 */
export async function drainSessions(realms: () => Iterable<Realm>, options: DrainOptions): Promise<void> {
  const { periodMs, deadlineMs, nowMs, wait } = options;
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
      // Its turn has come: with new calls all the time it would never be without one.
      if (realm.dealer.hasCallsInFlight(session)) realm.dealer.sendAway(session);
      else sayGoodbye(session);
    }
    await wait(STEP_MS);
    remaining = openSessions(realms());
  }
  for (const [session] of remaining) sayGoodbye(session);
}

/** GOODBYE wamp.close.system_shutdown to every session, at once and whatever it waits for. */
export function dismissSessions(realms: Iterable<Realm>, message: string): void {
  for (const [session] of openSessions(realms)) session.close(CloseUri.SYSTEM_SHUTDOWN, message);
}

function sayGoodbye(session: Session): void {
  session.close(CloseUri.SYSTEM_SHUTDOWN, 'this node is shutting down: connect again');
}

function openSessions(realms: Iterable<Realm>): [Session, Realm][] {
  const open: [Session, Realm][] = [];
  for (const realm of realms) for (const session of realm.sessions) if (session.isOpen) open.push([session, realm]);
  return open;
}
