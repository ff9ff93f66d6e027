import type { SessionId } from '../../wamp/ids.js';
import type { Callee, Registration } from '../ports.js';
import { allCallees } from '../successors.js';
import { RankedSet } from './ranked-set.js';

/**
 * `busy`: the callee has as many calls as it takes at once. `gone`: it has left, and its row has not been removed yet.
 */
export type Reason = 'busy' | 'gone';

interface Note {
  readonly callee: Callee;
  readonly reason: Reason;
  readonly untilMs: number;
}

/** Up to this many marks are searched one by one; for more, a map of the row's sessions is built. */
const FEW_MARKS = 4;

/**
 * Callees of one registration that calls pass over because they would not take one: a call must not find that out again
 * from each of thousands. State of a callee of this node is exact. An answer of a callee of another node counts for a
 * while, or until the callee shows that it takes calls. Operations are O(log callees); the first after a change of the
 * registration is O(callees).
 */
export class PassedOver {
  readonly #known = new Map<SessionId, Reason>();
  /** In the order in which they expire, unless the number of callees has changed. */
  readonly #refusals = new Map<SessionId, Note>();
  #busyCount = 0;
  /** The registration of these callees. */
  #row: Registration | undefined;
  #positions: ReadonlyMap<SessionId, number> = new Map();
  #open = new RankedSet(0);

  /** No callee is passed over: `open` need not be called. */
  get isEmpty(): boolean {
    return this.#known.size === 0 && this.#refusals.size === 0;
  }

  get hasBusy(): boolean {
    return this.#busyCount > 0;
  }

  /** A callee of this node takes no call until `admit`. */
  pass(session: SessionId, reason: Reason): void {
    this.#forget(session, this.#known.get(session));
    this.#known.set(session, reason);
    this.#note(session, reason);
  }

  /** A callee of this node takes calls. Idempotent. */
  admit(session: SessionId): void {
    const reason = this.#known.get(session);
    if (reason === undefined || !this.#known.delete(session)) return;
    this.#forget(session, reason);
  }

  /**
   * A callee of another node answered that it takes no call now. Ignored when it has registered again since: then it
   * may (G2).
   */
  noteRefusal(callee: Callee, reason: Reason, row: Registration, untilMs: number): void {
    if (this.#row !== row) this.#begin(row);
    const { session } = callee;
    const position = this.#positions.get(session);
    if (position === undefined || row.callees[position] !== callee) return;
    this.forgetRefusal(session);
    this.#refusals.set(session, { callee, reason, untilMs });
    this.#note(session, reason);
  }

  /** The callee has shown since that it takes calls. Idempotent. */
  forgetRefusal(session: SessionId): void {
    const note = this.#refusals.get(session);
    if (note === undefined || !this.#refusals.delete(session)) return;
    this.#forget(session, note.reason);
  }

  /** The indexes of the callees that may take a call. Read only. */
  open(row: Registration, nowMs: number): RankedSet {
    for (const [session, { untilMs }] of this.#refusals) {
      if (untilMs > nowMs) break;
      this.forgetRefusal(session);
    }
    if (this.#row !== row) this.#begin(row);
    return this.#open;
  }

  /** Forgets callees that no longer exist. O(callees); nothing when no callee is passed over. */
  follow(row: Registration): void {
    if (this.isEmpty) return;
    const find = finder(allCallees(row), this.#known.size + this.#refusals.size);
    for (const session of [...this.#known.keys()]) if (find(session) === undefined) this.admit(session);
    for (const [session, { callee }] of [...this.#refusals]) if (find(session) !== callee) this.forgetRefusal(session);
  }

  #begin(row: Registration): void {
    this.#row = row;
    this.#positions = new Map(row.callees.map(({ session }, index) => [session, index]));
    this.#open = new RankedSet(row.callees.length);
    for (const session of this.#known.keys()) this.#close(session);
    for (const session of this.#refusals.keys()) this.#close(session);
  }

  #note(session: SessionId, reason: Reason): void {
    if (reason === 'busy') this.#busyCount++;
    this.#close(session);
  }

  #forget(session: SessionId, reason: Reason | undefined): void {
    if (reason === undefined) return;
    if (reason === 'busy') this.#busyCount--;
    const position = this.#positions.get(session);
    if (position !== undefined && !this.#known.has(session) && !this.#refusals.has(session)) this.#open.add(position);
  }

  #close(session: SessionId): void {
    const position = this.#positions.get(session);
    if (position !== undefined) this.#open.delete(position);
  }
}

function finder(callees: readonly Callee[], markCount: number): (session: SessionId) => Callee | undefined {
  if (markCount <= FEW_MARKS) return (wanted) => callees.find(({ session }) => session === wanted);
  const bySession = new Map(callees.map((callee) => [callee.session, callee]));
  return (wanted) => bySession.get(wanted);
}
